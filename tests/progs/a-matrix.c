// SPDX-License-Identifier: GPL-2.0-only
/*
 * a-matrix: who may expose whom, in every combination of what the kernel asks.
 *
 *	a-matrix CONTROL CTL SETUID SCOPES [lie=N | boast=N]
 *
 * CONTROL is remotefs's control file, CTL the daemon's or "-", SETUID an a-source that
 * belongs to root and is set-user-ID, SCOPES the values of ptrace_scope to be
 * tried, as "0,1,2" ("-" without Yama).
 *
 * In each cell a requester opens /proc/PID/mem, then attaches with whatever it
 * could get hold of, then asks the daemon if there is one.  The first two must agree, with each
 * other and with the rules of ptrace(2) as expected() has them; where they say
 * no, so must the daemon.  The first cell that differs ends it with status 1.
 *
 * Unless all of it was to be denied (SCOPES is "3"), each value of each
 * dimension must have seen both verdicts.
 *
 * With lie=N the N-th cell's ATTACH is reported as the contrary, with boast=N
 * the daemon is said to have allowed it: so that a test can see this notice.
 */
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/fsuid.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <linux/remotefs.h>

#define ROOT 0
#define SAME 1000
#define OTHER 1001
#define MAX_VALUES 16
#define BIT(cap) (1ULL << (cap))
#define EVERYTHING (~0ULL)
#define YAMA "/proc/sys/kernel/yama/ptrace_scope"

enum { SCOPE, USER, GROUP, CAPS, NAMESPACE, DOMAIN, TARGET, DIMENSIONS };

static const char *const values[DIMENSIONS][MAX_VALUES] = {
	[SCOPE] = { "0", "1", "2", "3" },
	[USER] = { "root", "same", "other", "only-fsuid-same", "only-euid-same" },
	[GROUP] = { "same", "other", "other-but-member-of-same" },
	[CAPS] = { "none", "sys_ptrace", "sys_ptrace+dac_override" },
	[NAMESPACE] = { "initial", "child" },
	[DOMAIN] = { "none", "landlock" },
	[TARGET] = { "dumpable", "undumpable", "other-saved-user", "other-saved-group",
		     "with-capability", "in-namespace", "root", "set-user-id",
		     "own-dumpable", "own-undumpable", "own-root" },
};

static const char *const dimensions[DIMENSIONS] = {
	"ptrace_scope", "user", "group", "capabilities", "user-namespace", "domain", "target",
};

enum { DUMPABLE, UNDUMPABLE, SAVED_USER, SAVED_GROUP, CAPABLE, IN_NAMESPACE, AS_ROOT, SET_USER,
       OWN_DUMPABLE, OWN_UNDUMPABLE, OWN_ROOT, TARGETS };

/* What all see of a target, and what the rules need to know of it. */
struct target {
	pid_t pid;
	unsigned long address;
	uid_t saved_user;
	gid_t saved_group;
	unsigned long long permitted;
	uid_t user;
	int undumpable;
	int own_namespace;	/* not the requester's, nor the initial one */
	int own;		/* a child of the requester, in its namespace and domain */
};

static struct target targets[TARGETS];

/* Shared with the requesters. */
static struct board {
	unsigned long cells, exposed;
	unsigned long allowed[DIMENSIONS][MAX_VALUES], denied[DIMENSIONS][MAX_VALUES];
} *board;

static char *page;
static const char *control_path, *ctl_path, *setuid_path;
static unsigned long lie, boast;
static int cell[DIMENSIONS];
static int control, ctl, life[2];

/* Becoming somebody */

static void set_caps(unsigned long long caps)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[2] = {
		{ .effective = caps, .permitted = caps },
		{ .effective = caps >> 32, .permitted = caps >> 32 },
	};

	if (syscall(SYS_capset, &header, data))
		err(2, "capset");
}

/* All that this process is allowed to have. */
static unsigned long long full_caps(void)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[2];

	if (syscall(SYS_capget, &header, data))
		err(2, "capget");
	return data[0].permitted | (unsigned long long)data[1].permitted << 32;
}

/* The capabilities stay until they are set: fsuid needs one of them. */
static void become(uid_t user, uid_t saved_user, gid_t group, gid_t saved_group)
{
	if (prctl(PR_SET_KEEPCAPS, 1) || setresgid(group, group, saved_group) ||
	    setresuid(user, user, saved_user))
		err(2, "becoming %u", user);
	set_caps(full_caps());
}

static void write_file(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);

	if (fd < 0 || write(fd, text, strlen(text)) != (ssize_t)strlen(text))
		err(2, "%s", path);
	close(fd);
}

/* Everybody keeps their number. */
static void map_ids(pid_t pid)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/uid_map", pid);
	write_file(path, "0 0 65536");
	snprintf(path, sizeof(path), "/proc/%d/gid_map", pid);
	write_file(path, "0 0 65536");
}

/* A new user namespace, mapped by a child that stays in the old one. */
static void enter_namespace(uid_t owner)
{
	int ready[2];
	pid_t child;
	char byte;

	if (pipe(ready))
		err(2, "pipe");
	child = fork();
	if (!child) {
		close(ready[1]);
		if (read(ready[0], &byte, 1) == 1)
			map_ids(getppid());
		_exit(0);
	}
	if (seteuid(owner) || unshare(CLONE_NEWUSER) || write(ready[1], "", 1) != 1)
		err(2, "user namespace");
	waitpid(child, NULL, 0);
	close(ready[0]);
	close(ready[1]);
}

/*
 * A Landlock domain: what it says of files does not matter here, but whoever is
 * in one may not look into processes outside of it.  Headers may lack the calls.
 */
static int enter_domain(void)
{
	unsigned long long forbidden = 1 << 11;	/* making block devices */
	int ruleset = syscall(444 /* landlock_create_ruleset */, &forbidden, sizeof(forbidden), 0);

	if (ruleset < 0)
		return -1;
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) || syscall(446 /* landlock_restrict_self */, ruleset, 0))
		err(2, "landlock");
	close(ruleset);
	return 0;
}

static int have_landlock(void)
{
	return syscall(444, NULL, 0, 1) > 0;
}

/* Targets */

static void be_target(int kind, int ready, int until)
{
	const struct target *target = &targets[kind];
	char line[64], byte;

	if (kind == IN_NAMESPACE)
		enter_namespace(SAME);
	become(target->user, target->saved_user, target->user, target->saved_group);
	set_caps(target->permitted & full_caps());
	if (prctl(PR_SET_DUMPABLE, !target->undumpable))
		err(2, "dumpable");
	snprintf(page, 4096, "page 0 of %d\n", getpid());
	snprintf(line, sizeof(line), "%d %p\n", getpid(), page);
	if (write(ready, line, strlen(line)) < 0 || read(until, &byte, 1) < 0)
		_exit(2);
	_exit(0);
}

/* The real thing: what execve(2) makes of a set-user-ID program. */
static void exec_target(int ready, int until)
{
	if (dup2(until, 0) < 0 || dup2(ready, 1) < 0 || setgroups(0, NULL) ||
	    setresgid(SAME, SAME, SAME) || setresuid(SAME, SAME, SAME))
		err(2, "becoming %d", SAME);
	execl(setuid_path, "a-source", "1", NULL);
	err(2, "%s", setuid_path);
}

static void start_target(int kind, const int until[2])
{
	char line[64] = "";
	int ready[2];
	pid_t child;

	if (pipe(ready))
		err(2, "pipe");
	child = fork();
	if (!child) {
		close(until[1]);
		close(life[1]);
		if (kind == SET_USER)
			exec_target(ready[1], until[0]);
		be_target(kind, ready[1], until[0]);
	}
	close(ready[1]);
	if (read(ready[0], line, sizeof(line) - 1) <= 0 ||
	    sscanf(line, "%d %lx", &targets[kind].pid, &targets[kind].address) != 2)
		errx(2, "target %s did not start", values[TARGET][kind]);
	close(ready[0]);
}

static void describe_targets(void)
{
	for (int i = 0; i < TARGETS; i++)
		targets[i] = (struct target){
			.user = SAME, .saved_user = SAME, .saved_group = SAME,
			.own = i >= OWN_DUMPABLE,
			.undumpable = i == UNDUMPABLE || i == OWN_UNDUMPABLE || i == SET_USER,
			.own_namespace = i == IN_NAMESPACE,
		};
	targets[SAVED_USER].saved_user = OTHER;
	targets[SAVED_GROUP].saved_group = OTHER;
	targets[CAPABLE].permitted = BIT(CAP_NET_RAW);
	targets[AS_ROOT].user = targets[OWN_ROOT].user = ROOT;
	targets[AS_ROOT].saved_user = targets[OWN_ROOT].saved_user = ROOT;
	targets[AS_ROOT].saved_group = targets[OWN_ROOT].saved_group = ROOT;
	targets[AS_ROOT].permitted = targets[OWN_ROOT].permitted = EVERYTHING;
	/* As user 1000 executes it; the group stays. */
	targets[SET_USER].saved_user = ROOT;
	targets[SET_USER].permitted = EVERYTHING;
}

/* The rules, as ptrace(2) and proc(5) have them */

static uid_t fs_user(void)
{
	static const uid_t users[] = { ROOT, SAME, OTHER, SAME, OTHER };

	return users[cell[USER]];
}

static uid_t effective_user(void)
{
	static const uid_t users[] = { ROOT, SAME, OTHER, OTHER, SAME };

	return users[cell[USER]];
}

/* The same as that of root's processes, or of the others. */
static gid_t fs_group(void)
{
	return cell[GROUP] ? OTHER : cell[USER] ? SAME : ROOT;
}

static unsigned long long own_caps(void)
{
	static const unsigned long long caps[] = {
		0, BIT(CAP_SYS_PTRACE), BIT(CAP_SYS_PTRACE) | BIT(CAP_DAC_OVERRIDE),
	};

	return caps[cell[CAPS]];
}

static int in_same_namespace(const struct target *target)
{
	return target->own || (!cell[NAMESPACE] && !target->own_namespace);
}

/* CAP_SYS_PTRACE in the namespace that the target's credentials are of. */
static int has_power(const struct target *target)
{
	if (in_same_namespace(target))
		return cell[CAPS] > 0;
	if (cell[NAMESPACE])
		return 0;
	/* From above; who has made a namespace has all power over it. */
	return cell[CAPS] > 0 || effective_user() == SAME;
}

static int mode_allows(const struct target *target)
{
	const uid_t owner = target->undumpable ? ROOT : target->user;

	return fs_user() == owner || own_caps() & BIT(CAP_DAC_OVERRIDE);
}

static int is_same_user(const struct target *target)
{
	return fs_user() == target->user && fs_user() == target->saved_user &&
	       fs_group() == target->user && fs_group() == target->saved_group;
}

static int yama_allows(const struct target *target)
{
	switch (cell[SCOPE]) {
	case 0:
		return 1;
	case 1:
		return target->own || has_power(target);
	case 2:
		return has_power(target);
	default:
		return 0;
	}
}

/* An address space belongs to the namespace in which its program was executed. */
static int dump_allows(const struct target *target)
{
	return !target->undumpable || (!cell[NAMESPACE] && cell[CAPS] > 0);
}

static int caps_allow(const struct target *target)
{
	return has_power(target) ||
	       (in_same_namespace(target) && !(target->permitted & ~own_caps()));
}

static int expected(const struct target *target)
{
	return mode_allows(target) && (is_same_user(target) || has_power(target)) &&
	       dump_allows(target) && caps_allow(target) && yama_allows(target) &&
	       (!cell[DOMAIN] || target->own);
}

/* What comes of asking */

static int attach(int mem, pid_t pid)
{
	struct remotefs_attach_args args = {
		.size = sizeof(args), .flags = REMOTEFS_ATTACH_EPHEMERAL, .mem_fd = mem, .pid = pid,
	};

	return ioctl(control, REMOTEFS_IOC_ATTACH, &args);
}

/* Whether a session shows the memory of that target. */
static int shows(int session, const struct target *target)
{
	struct remotefs_map_args map = {
		.size = sizeof(map), .flags = REMOTEFS_MAP_NEW, .mode = 0400,
		.address = target->address, .length = 4096,
	};
	struct remotefs_open_args args = { .size = sizeof(args) };
	char want[64], got[64] = "";
	int file;

	if (ioctl(session, REMOTEFS_IOC_MAP, &map))
		return 0;
	args.map = map.map;
	file = ioctl(session, REMOTEFS_IOC_OPEN, &args);
	snprintf(want, sizeof(want), "page 0 of %d\n", target->pid);
	if (file < 0 || pread(file, got, strlen(want), 0) < 0)
		return 0;
	close(file);
	return !strcmp(got, want);
}

/* Whether ATTACH takes what a path leads to for that target's memory. */
static int attaches(const char *path, int flags, const struct target *target)
{
	int fd = open(path, flags | O_CLOEXEC);
	int session = attach(fd, target->pid);
	int yes = session >= 0 && shows(session, target);

	/* A session of something else would be as bad. */
	if (session >= 0 && !yes)
		yes = -1;
	close(session);
	close(fd);
	return yes;
}

/* By the descriptor, and by whatever else might be taken for it. */
static int attach_verdict(const struct target *target, int opened)
{
	char path[64];
	int yes;

	snprintf(path, sizeof(path), "/proc/%d/mem", target->pid);
	yes = attaches(path, O_RDONLY, target);
	if (opened || yes)
		return yes;
	yes |= attaches(path, O_PATH, target);
	yes |= attaches("/proc/self/mem", O_RDONLY, target);
	snprintf(path, sizeof(path), "/proc/%d/stat", target->pid);
	yes |= attaches(path, O_RDONLY, target);
	snprintf(path, sizeof(path), "/proc/%d/task/%d/mem", target->pid, target->pid);
	yes |= attaches(path, O_RDONLY, target);
	return yes | (attach(-1, target->pid) >= 0);
}

static int open_verdict(const struct target *target)
{
	char path[64];
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/mem", target->pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	close(fd);
	return fd >= 0;
}

static int command(const char *text)
{
	return write(ctl, text, strlen(text)) == (ssize_t)strlen(text);
}

/* A denial has a reason that can be read; any other failure is one of the test. */
static int daemon_verdict(const struct target *target)
{
	char text[128], answer[256];
	ssize_t length;

	if (ctl < 0)
		return 0;
	snprintf(text, sizeof(text), "add %d 0x%lx-0x%lx", target->pid, target->address,
		 target->address + 4096);
	if (!command(text))
		return errno == EACCES ? 0 : -1;
	length = read(ctl, answer, sizeof(answer) - 1);
	if (length <= 0)
		return -1;
	answer[length] = '\0';
	snprintf(text, sizeof(text), "revoke %.100s", answer);
	return command(text) ? 1 : -1;
}

static void complain(const char *what, int opened, int attached, int exposed)
{
	printf("differs in cell %lu:", board->cells);
	for (int i = 0; i < DIMENSIONS; i++)
		printf(" %s=%s", dimensions[i], values[i][cell[i]]);
	printf(": %s (rules %d, open %d, ATTACH %d, daemon %d)\n", what,
	       expected(&targets[cell[TARGET]]), opened, attached, exposed);
	fflush(stdout);
	_exit(1);
}

static void try_cell(void)
{
	const struct target *target = &targets[cell[TARGET]];
	int opened = open_verdict(target);
	int attached = attach_verdict(target, opened);
	int exposed = daemon_verdict(target);

	board->cells++;
	if (board->cells == lie)
		attached = !attached;
	if (board->cells == boast)
		exposed = 1;
	if (opened != expected(target))
		complain("the kernel's verdict is not the rules'", opened, attached, exposed);
	if (attached != opened)
		complain("ATTACH's verdict is not the kernel's", opened, attached, exposed);
	if (exposed > opened)
		complain("the daemon's verdict is more than the kernel's", opened, attached, exposed);
	if (exposed < 0)
		complain("the daemon failed", opened, attached, exposed);
	board->exposed += exposed;
	for (int i = 0; i < DIMENSIONS; i++)
		(opened ? board->allowed : board->denied)[i][cell[i]]++;
}

/* Requesters */

static void be_requester(void)
{
	const gid_t target_group = SAME;
	int until[2];

	if (cell[DOMAIN] && enter_domain())
		err(2, "landlock");
	if (cell[NAMESPACE])
		enter_namespace(ROOT);
	if (pipe(until))
		err(2, "pipe");
	for (int i = OWN_DUMPABLE; i < TARGETS; i++)
		start_target(i, until);
	if (setgroups(cell[GROUP] == 2, &target_group))
		err(2, "setgroups");
	become(effective_user(), effective_user(), fs_group(), fs_group());
	setfsuid(fs_user());
	set_caps(own_caps());
	/* Its own memory is one of the things that it tries. */
	prctl(PR_SET_DUMPABLE, 1);
	control = open(control_path, O_RDONLY | O_CLOEXEC);
	if (control < 0)
		err(2, "%s", control_path);
	/* In another namespace it may not even be opened. */
	ctl = strcmp(ctl_path, "-") ? open(ctl_path, O_RDWR | O_CLOEXEC) : -1;
	for (cell[TARGET] = 0; cell[TARGET] < TARGETS; cell[TARGET]++)
		try_cell();
	_exit(0);
}

/* In a process of its own, whose children go with it. */
static void try_requester(void)
{
	pid_t child;
	int status;

	fflush(stdout);
	child = fork();
	if (!child)
		be_requester();
	if (waitpid(child, &status, 0) != child || !WIFEXITED(status))
		errx(2, "a requester ended by status %#x", status);
	if (WEXITSTATUS(status))
		exit(WEXITSTATUS(status));
}

static int count_values(int dimension)
{
	int count = 0;

	while (count < MAX_VALUES && values[dimension][count])
		count++;
	if (dimension == DOMAIN && !have_landlock())
		count = 1;
	return count;
}

/* Every combination from this dimension on. */
static void try_all(int dimension)
{
	if (dimension == TARGET) {
		try_requester();
		return;
	}
	for (int i = 0; i < count_values(dimension); i++) {
		cell[dimension] = i;
		try_all(dimension + 1);
	}
}

static void try_scopes(const char *scopes)
{
	char text[2] = "";

	for (; *scopes; scopes++) {
		if (*scopes == ',')
			continue;
		if (*scopes != '-') {
			*text = *scopes;
			write_file(YAMA, text);
			cell[SCOPE] = *scopes - '0';
		}
		try_all(SCOPE + 1);
	}
}

/* A dimension in which all is the same would show nothing. */
static int check_coverage(void)
{
	int failed = 0;

	for (int i = SCOPE + 1; i < DIMENSIONS; i++) {
		for (int j = 0; j < count_values(i); j++) {
			if (board->allowed[i][j] && board->denied[i][j])
				continue;
			printf("%s=%s: %lu allowed, %lu denied\n", dimensions[i], values[i][j],
			       board->allowed[i][j], board->denied[i][j]);
			failed = 1;
		}
	}
	return failed | (strcmp(ctl_path, "-") && !board->exposed);
}

static unsigned long option(const char *word, const char *name)
{
	size_t length = strlen(name);

	return word && !strncmp(word, name, length) ? strtoul(word + length, NULL, 10) : 0;
}

int main(int argc, char **argv)
{
	unsigned long allowed = 0;

	if (argc < 5)
		errx(2, "usage: a-matrix CONTROL CTL SETUID SCOPES [lie=N | boast=N]");
	control_path = argv[1];
	ctl_path = argv[2];
	setuid_path = argv[3];
	lie = option(argv[5], "lie=");
	boast = option(argv[5], "boast=");
	board = mmap(NULL, sizeof(*board), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (board == MAP_FAILED || page == MAP_FAILED || pipe(life))
		err(2, "memory");
	setgroups(0, NULL);
	describe_targets();
	for (int i = 0; i < OWN_DUMPABLE; i++)
		start_target(i, life);
	try_scopes(argv[4]);
	for (int i = 0; i < TARGETS; i++)
		allowed += board->allowed[TARGET][i];
	printf("%lu cells, %lu allowed, %lu of them by the daemon\n", board->cells, allowed,
	       board->exposed);
	return strcmp(argv[4], "3") ? check_coverage() : allowed > 0;
}
