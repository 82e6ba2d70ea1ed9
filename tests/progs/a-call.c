// SPDX-License-Identifier: GPL-2.0-only
/*
 * a-call: make control calls one after the other, and say how each went.
 *
 *	a-call STEP...
 *
 *	control PATH	open a control file
 *	mem PID MODE	open /proc/PID/mem; MODE is r, w, rw or path (O_PATH)
 *	other PATH	open any file in the place of /proc/PID/mem
 *	file PATH MODE	open a map file
 *	features | attach | map | unmap | allow | lock | open | watch | watch_add |
 *	watch_del | remote | info | range | area [FIELD=VALUE]...
 *			the ioctl, on the descriptor that it is made for unless
 *			on=control, on=session, on=file, on=mem or on=watcher is
 *			given; also cmd=, ptr=, tail= (a byte after the
 *			structure), edge= (so many bytes of it end where memory
 *			ends); attach gives the session, open the map file,
 *			watch the watcher; of area, all slots are told
 *	events		what is to be read from the watcher: the cookies of
 *			INVALIDATED, "stale", "empty", "gone"
 *	send KIND PATH	pass a descriptor, such as session, to whoever receives at
 *			that socket
 *	receive KIND PATH	wait for one there
 *	unlink PATH | rmdir PATH | chmod PATH MODE | chown PATH UID
 *	peek ADDRESS	one line read through /proc/PID/mem
 *	pread OFFSET | pwrite OFFSET TEXT | mmap rwx	the same for the map file
 *	label BYTES	its label, with room for so many
 *	load OFFSET	the byte that mmap's page has there
 *	sh COMMAND	a shell command, with everything still open
 *	hold		wait for a signal
 *
 * Prints "STEP OK [RESULT]" or "STEP ERRNO"; status 1 if a step failed.
 */
#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <linux/remotefs.h>

enum { CONTROL, SESSION, FILE_FD, MEM, WATCHER, KINDS };
static int fds[KINDS] = { -1, -1, -1, -1, -1 };
static const char *const kinds[KINDS] = { "control", "session", "file", "mem", "watcher" };
static unsigned int mem_pid;
static const volatile char *mirror;
static int failed;

#define FIELD(struct_, name, member) \
	{ name, offsetof(struct struct_, member), sizeof(((struct struct_ *)0)->member) }
#define CALL(name, NAME, kind, out, width, ...) \
	{ #name, REMOTEFS_IOC_##NAME, kind, sizeof(struct remotefs_##name##_args), \
	  offsetof(struct remotefs_##name##_args, out), width, { __VA_ARGS__ } }
#define INTERVAL(s) FIELD(s, "flags", flags), FIELD(s, "map", map), \
	FIELD(s, "reserved", __reserved), FIELD(s, "offset", offset), FIELD(s, "length", length)

static const struct call {
	const char *name;
	unsigned int cmd, kind, size, out, out_width;
	struct field { const char *name; size_t at, width; } fields[12];
} calls[] = {
	CALL(features, FEATURES, CONTROL, features, 8,
	     FIELD(remotefs_features_args, "reserved", __reserved),
	     FIELD(remotefs_features_args, "features", features)),
	CALL(attach, ATTACH, CONTROL, size, 0, FIELD(remotefs_attach_args, "flags", flags),
	     FIELD(remotefs_attach_args, "fd", mem_fd), FIELD(remotefs_attach_args, "pid", pid)),
	CALL(map, MAP, SESSION, map, 4, FIELD(remotefs_map_args, "flags", flags),
	     FIELD(remotefs_map_args, "map", map), FIELD(remotefs_map_args, "mode", mode),
	     FIELD(remotefs_map_args, "uid", uid), FIELD(remotefs_map_args, "gid", gid),
	     FIELD(remotefs_map_args, "address", address),
	     FIELD(remotefs_map_args, "offset", offset), FIELD(remotefs_map_args, "length", length)),
	CALL(unmap, UNMAP, SESSION, map, 0, INTERVAL(remotefs_unmap_args)),
	CALL(allow, ALLOW, SESSION, map, 0, INTERVAL(remotefs_allow_args)),
	CALL(lock, LOCK, SESSION, map, 0, FIELD(remotefs_lock_args, "flags", flags),
	     FIELD(remotefs_lock_args, "map", map),
	     FIELD(remotefs_lock_args, "reserved", __reserved)),
	CALL(open, OPEN, SESSION, map, 0, FIELD(remotefs_open_args, "flags", flags),
	     FIELD(remotefs_open_args, "map", map),
	     FIELD(remotefs_open_args, "reserved", __reserved)),
	CALL(watch, WATCH, SESSION, size, 0, FIELD(remotefs_watch_args, "flags", flags),
	     FIELD(remotefs_watch_args, "queue", queue),
	     FIELD(remotefs_watch_args, "reserved", __reserved)),
	CALL(watch_add, WATCH_ADD, WATCHER, size, 0,
	     FIELD(remotefs_watch_add_args, "flags", flags),
	     FIELD(remotefs_watch_add_args, "start", start),
	     FIELD(remotefs_watch_add_args, "end", end),
	     FIELD(remotefs_watch_add_args, "cookie", cookie)),
	CALL(watch_del, WATCH_DEL, WATCHER, size, 0,
	     FIELD(remotefs_watch_del_args, "flags", flags),
	     FIELD(remotefs_watch_del_args, "cookie", cookie)),
	CALL(remote, REMOTE, SESSION, address, 8,
	     FIELD(remotefs_remote_args, "command", command),
	     FIELD(remotefs_remote_args, "flags", flags),
	     FIELD(remotefs_remote_args, "prot", prot),
	     FIELD(remotefs_remote_args, "address", address),
	     FIELD(remotefs_remote_args, "length", length),
	     FIELD(remotefs_remote_args, "map_flags", map_flags),
	     FIELD(remotefs_remote_args, "map", out_map),
	     FIELD(remotefs_remote_args, "mode", mode), FIELD(remotefs_remote_args, "uid", uid),
	     FIELD(remotefs_remote_args, "gid", gid),
	     FIELD(remotefs_remote_args, "reserved", __reserved)),
	CALL(info, INFO, FILE_FD, out_state, 4, FIELD(remotefs_info_args, "flags", flags)),
	CALL(range, RANGE, FILE_FD, out_address, 8, FIELD(remotefs_range_args, "flags", out_flags),
	     FIELD(remotefs_range_args, "offset", offset)),
	CALL(area, AREA, FILE_FD, slots, 8, FIELD(remotefs_area_args, "flags", flags),
	     FIELD(remotefs_area_args, "operation", operation),
	     FIELD(remotefs_area_args, "mask", mask), FIELD(remotefs_area_args, "slot0", slots[0]),
	     FIELD(remotefs_area_args, "slot1", slots[1]),
	     FIELD(remotefs_area_args, "slot7", slots[7])),
};

static void report(const char *step, int ok, const char *result)
{
	printf("%s %s%s%s\n", step, ok ? "OK" : strerrorname_np(errno), ok && *result ? " " : "",
	       ok ? result : "");
	fflush(stdout);
	failed |= !ok;
}

static void set_open(int kind, const char *path, const char *mode)
{
	int flags = !strcmp(mode, "path") ? O_PATH : !strcmp(mode, "rw") ? O_RDWR :
		    !strcmp(mode, "w") ? O_WRONLY : O_RDONLY;

	fds[kind] = open(path, flags);
	report(kinds[kind], fds[kind] >= 0, "");
}

/* A copy of @bytes of a structure, just before memory that is not there. */
static void *edge(const char *args, size_t bytes)
{
	const size_t page = sysconf(_SC_PAGESIZE);
	char *pages = mmap(NULL, 2 * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (pages == MAP_FAILED || munmap(pages + page, page) || bytes > page)
		exit(98);
	return memcpy(pages + page - bytes, args, bytes);
}

/* One word of a call; 0 if it belongs to the next step. */
static int set_field(const struct call *call, char *args, const char *word, int *fd,
		     unsigned int *cmd, void **pointer)
{
	const char *value = strchr(word, '=');
	unsigned long long number;

	if (!value)
		return 0;
	number = strtoull(++value, NULL, 0);
	for (int i = 0; i < KINDS && !strncmp(word, "on=", 3); i++)
		if (!strcmp(value, kinds[i]))
			return *fd = fds[i], 1;
	if (!strncmp(word, "cmd=", 4))
		return *cmd = number, 1;
	if (!strncmp(word, "ptr=", 4))
		return *pointer = (void *)(size_t)number, 1;
	if (!strncmp(word, "edge=", 5))
		return *pointer = edge(args, number), 1;
	if (!strncmp(word, "tail=", 5))
		return args[call->size] = number, 1;
	if (!strncmp(word, "size=", 5))
		return memcpy(args, &number, 4), 1;
	for (const struct field *field = call->fields; field->name; field++)
		if (!strncmp(word, field->name, value - word - 1) && !field->name[value - word - 1])
			return memcpy(args + field->at, &number, field->width), 1;
	exit(99);
}

static void tell_slots(const struct remotefs_area_args *area, char *result)
{
	size_t used = 0;

	for (int i = 0; i < REMOTEFS_AREA_SLOTS; i++)
		used += sprintf(result + used, "%s%llu", i ? " " : "",
				(unsigned long long)area->slots[i]);
}

static char **do_call(const struct call *call, char **word)
{
	char args[8192] = { 0 }, result[256] = "";
	unsigned long long out = 0;
	unsigned int cmd = call->cmd;
	int fd = fds[call->kind], ret;
	void *pointer = args;

	memcpy(args, &call->size, 4);
	if (call->cmd == REMOTEFS_IOC_ATTACH) {
		memcpy(args + 8, &fds[MEM], 4);
		memcpy(args + 12, &mem_pid, 4);
	}
	while (*word && set_field(call, args, *word, &fd, &cmd, &pointer))
		word++;
	ret = ioctl(fd, cmd, pointer);
	memcpy(&out, args + call->out, call->out_width);
	if (call->out_width)
		snprintf(result, sizeof(result), call->out_width == 8 ? "0x%llx" : "%llu", out);
	if (call->cmd == REMOTEFS_IOC_AREA)
		tell_slots((void *)args, result);
	report(call->name, ret >= 0, result);
	if (call->cmd == REMOTEFS_IOC_ATTACH && ret >= 0)
		fds[SESSION] = ret;
	if (call->cmd == REMOTEFS_IOC_OPEN && ret >= 0)
		fds[FILE_FD] = ret;
	if (call->cmd == REMOTEFS_IOC_WATCH && ret >= 0)
		fds[WATCHER] = ret;
	return word;
}

static void do_events(void)
{
	static const char *const names[] = { "", "", "stale ", "empty ", "gone " };
	struct remotefs_event events[16];
	char text[400] = "";
	size_t used = 0;
	ssize_t ret;

	fcntl(fds[WATCHER], F_SETFL, O_NONBLOCK);
	ret = read(fds[WATCHER], events, sizeof(events));
	for (ssize_t i = 0; i < ret / (ssize_t)sizeof(*events); i++)
		used += events[i].type == REMOTEFS_EVENT_INVALIDATED ?
			sprintf(text + used, "%llu ", (unsigned long long)events[i].cookie) :
			sprintf(text + used, "%s", names[events[i].type]);
	/* Without the last blank. */
	text[used ? used - 1 : 0] = '\0';
	report("events", ret >= 0, text);
}

static void do_read(const char *step, int kind, const char *offset)
{
	char text[65] = "";
	ssize_t ret = pread(fds[kind], text, 64, strtoull(offset, NULL, 0));

	text[strcspn(text, "\n")] = '\0';
	report(step, ret >= 0, text);
}

static void do_mmap(const char *rights)
{
	int prot = (strchr(rights, 'r') ? PROT_READ : 0) | (strchr(rights, 'w') ? PROT_WRITE : 0) |
		   (strchr(rights, 'x') ? PROT_EXEC : 0);

	void *made = mmap(NULL, 4096, prot, MAP_SHARED, fds[FILE_FD], 0);

	report("mmap", made != MAP_FAILED, "");
	mirror = made;
}

static void do_load(const char *offset)
{
	char text[2] = { mirror[strtoul(offset, NULL, 0)] };

	report("load", 1, text);
}

/* With room for so many bytes of it. */
static void do_label(size_t size)
{
	char text[REMOTEFS_LABEL_MAX + 1] = "";

	report("label", fgetxattr(fds[FILE_FD], REMOTEFS_XATTR_LABEL, text,
				  size < sizeof(text) ? size : sizeof(text) - 1) >= 0, text);
}

/* Which of fds[] a word means. */
static int *find_fd(const char *kind)
{
	for (int i = 0; i < KINDS; i++)
		if (!strcmp(kind, kinds[i]))
			return &fds[i];
	exit(99);
}

/* One descriptor beside one byte, on its way from or to @fd. */
struct parcel {
	struct msghdr message;
	struct iovec iov;
	char byte;
	union {
		struct cmsghdr header;
		char space[CMSG_SPACE(sizeof(int))];
	} control;
};

static void wrap(struct parcel *parcel, int fd)
{
	*parcel = (struct parcel){ .byte = 'x' };
	parcel->iov = (struct iovec){ &parcel->byte, 1 };
	parcel->message.msg_iov = &parcel->iov;
	parcel->message.msg_iovlen = 1;
	parcel->message.msg_control = &parcel->control;
	parcel->message.msg_controllen = sizeof(parcel->control);
	parcel->control.header.cmsg_level = SOL_SOCKET;
	parcel->control.header.cmsg_type = SCM_RIGHTS;
	parcel->control.header.cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(&parcel->control.header), &fd, sizeof(fd));
}

static struct sockaddr_un socket_address(const char *path)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };

	if (strlen(path) >= sizeof(address.sun_path))
		exit(99);
	strcpy(address.sun_path, path);
	return address;
}

/* The receiver may not be there yet. */
static void do_send(const char *kind, const char *path)
{
	struct sockaddr_un address = socket_address(path);
	int sock = socket(AF_UNIX, SOCK_DGRAM, 0), tries = 500;
	struct parcel parcel;
	ssize_t ret;

	wrap(&parcel, *find_fd(kind));
	parcel.message.msg_name = &address;
	parcel.message.msg_namelen = sizeof(address);
	while ((ret = sendmsg(sock, &parcel.message, 0)) < 0 && tries--)
		usleep(20000);
	report("send", ret == 1, "");
	close(sock);
}

static void do_receive(const char *kind, const char *path)
{
	struct sockaddr_un address = socket_address(path);
	int sock = socket(AF_UNIX, SOCK_DGRAM, 0);
	struct parcel parcel;
	ssize_t ret = -1;

	wrap(&parcel, -1);
	/* Whoever knows of it may send. */
	umask(0);
	if (!bind(sock, (struct sockaddr *)&address, sizeof(address)))
		ret = recvmsg(sock, &parcel.message, 0);
	if (ret == 1)
		memcpy(find_fd(kind), CMSG_DATA(&parcel.control.header), sizeof(int));
	report("receive", ret == 1 && *find_fd(kind) >= 0, "");
	close(sock);
}

/* System calls on a name; NULL if it is no such step. */
static char **do_name(const char *step, char **word)
{
	if (!strcmp(step, "unlink"))
		return report(step, !unlink(*word), ""), word + 1;
	if (!strcmp(step, "rmdir"))
		return report(step, !rmdir(*word), ""), word + 1;
	if (!strcmp(step, "chmod"))
		return report(step, !chmod(word[0], strtoul(word[1], NULL, 8)), ""), word + 2;
	if (!strcmp(step, "chown"))
		return report(step, !chown(word[0], atoi(word[1]), -1), ""), word + 2;
	return NULL;
}

static char **do_step(const char *step, char **word)
{
	char path[64], **next;

	for (size_t i = 0; i < sizeof(calls) / sizeof(*calls); i++)
		if (!strcmp(step, calls[i].name))
			return do_call(&calls[i], word);
	if (!strcmp(step, "hold"))
		return pause(), word;
	if (!strcmp(step, "events"))
		return do_events(), word;
	if (!*word)
		exit(99);
	next = do_name(step, word);
	if (next)
		return next;
	if (!strcmp(step, "send"))
		return do_send(word[0], word[1]), word + 2;
	if (!strcmp(step, "receive"))
		return do_receive(word[0], word[1]), word + 2;
	if (!strcmp(step, "control"))
		return set_open(CONTROL, *word, "r"), word + 1;
	if (!strcmp(step, "other"))
		return set_open(MEM, *word, "r"), word + 1;
	if (!strcmp(step, "file"))
		return set_open(FILE_FD, word[0], word[1]), word + 2;
	if (!strcmp(step, "peek"))
		return do_read(step, MEM, *word), word + 1;
	if (!strcmp(step, "pread"))
		return do_read(step, FILE_FD, *word), word + 1;
	if (!strcmp(step, "mmap"))
		return do_mmap(*word), word + 1;
	if (!strcmp(step, "load"))
		return do_load(*word), word + 1;
	if (!strcmp(step, "sh"))
		return failed |= !!system(*word), word + 1;
	if (!strcmp(step, "pwrite")) {
		ssize_t ret = pwrite(fds[FILE_FD], word[1], strlen(word[1]),
				     strtoull(word[0], NULL, 0));

		return report(step, ret >= 0, ""), word + 2;
	}
	if (!strcmp(step, "label"))
		return do_label(strtoul(*word, NULL, 0)), word + 1;
	if (strcmp(step, "mem"))
		exit(99);
	mem_pid = atoi(*word);
	snprintf(path, sizeof(path), "/proc/%.20s/mem", *word);
	return set_open(MEM, path, word[1]), word + 2;
}

int main(int argc, char **argv)
{
	char **word = argv + 1;

	(void)argc;
	while (*word) {
		const char *step = *word++;

		word = do_step(step, word);
	}
	return failed;
}
