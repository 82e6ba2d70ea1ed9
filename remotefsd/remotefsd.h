/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * remotefsd: types that its files share, and what each file offers.
 *
 * Copyright (C) 2026 The remotefs authors
 *
 * Functions that can fail return 0 or an errno value, those that return a
 * descriptor the descriptor or a negative errno value.
 */
#ifndef REMOTEFSD_H
#define REMOTEFSD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/types.h>
#include <time.h>

#include <linux/remotefs.h>

#ifndef REMOTEFS_VERSION
#define REMOTEFS_VERSION "0.1.0"
#endif

/* complaint.c: why something failed, in one sentence for the requester. */
struct complaint {
	char sentence[256];
};

int complain(struct complaint *why, int error, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* command.c: one line of text as a structure. */
enum command_verb {
	COMMAND_ADD,
	COMMAND_REVOKE,
	COMMAND_ALLOW,
	COMMAND_UNMAP,
	COMMAND_LOCK,
	COMMAND_CHMOD,
	COMMAND_CHOWN,
	COMMAND_WATCH,
	COMMAND_UNWATCH,
	COMMAND_NEW,
	COMMAND_MMAP,
	COMMAND_MUNMAP,
	COMMAND_DISCARD,
	COMMAND_STATE,
	COMMAND_HELP,
};

enum command_scope {
	SCOPE_PROCESS,		/* the map files of one process */
	SCOPE_FILE,		/* one of them */
	SCOPE_ALL,		/* those of all processes */
};

enum memory_kind {
	MEMORY_HEAP,
	MEMORY_STACK,
	MEMORY_ANON,
	MEMORY_ALL,
	MEMORY_WHOLE,		/* the word "as" */
	MEMORY_INTERVAL,
	MEMORY_NAMED,
	MEMORY_REMOTE,		/* that a command makes or takes away */
};

/* The kernel allows 79 characters between "[anon:" and "]". */
#define MEMORY_NAME_SIZE 88

struct memory {
	enum memory_kind kind;
	uint64_t start;			/* MEMORY_INTERVAL only */
	uint64_t end;			/* exclusive */
	char name[MEMORY_NAME_SIZE];	/* MEMORY_NAMED only, with its brackets */
};

#define COMMAND_SIZE 4096
#define COMMAND_NAME_SIZE 64

struct command {
	enum command_verb verb;
	enum command_scope scope;
	pid_t pid;
	uint32_t map;			/* SCOPE_FILE, or with @into */
	struct memory memory;
	bool into;			/* a range for an existing map file */
	uint64_t at;			/* where in it, or in the process */
	bool remote;			/* changes the process's address space */
	uint64_t size;			/* of memory to be made */
	uint32_t how;			/* REMOTEFS_REMOTE_* */
	bool none;			/* no access at all */
	bool write;
	bool zero;			/* onexit=zero */
	mode_t mode;			/* zero: the kernel's default */
	char owner_user[COMMAND_NAME_SIZE];	/* empty: the requester */
	char owner_group[COMMAND_NAME_SIZE];
	char label[REMOTEFS_LABEL_MAX + 1];	/* empty: none */
	uint64_t state[REMOTEFS_AREA_SLOTS];
	uint32_t slots;			/* a bit for each of these that is given */
	int fd;				/* in the requester's table, or -1 */
	unsigned int given;		/* options met so far, for the parser */
};

extern const char command_grammar[];

int command_parse(const char *text, size_t length, struct command *command,
		  struct complaint *why);

/* word.c: what commands, rules and names of files are made of. */
bool word_parse_number(const char *text, uint64_t max, uint64_t *value);
bool word_parse_address(const char *text, uint64_t *address);
bool word_parse_size(const char *text, uint64_t *size);
int word_parse_owner(const char *text, char user[COMMAND_NAME_SIZE],
		     char group[COMMAND_NAME_SIZE], struct complaint *why);
int word_parse_mode(const char *text, mode_t *mode, struct complaint *why);
bool word_parse_pid(const char *text, pid_t *pid);
bool word_parse_map(const char *text, uint32_t *map);
bool word_parse_range(const char *text, uint64_t *start, uint64_t *end);
bool word_parse_id(const char *text, uint32_t *id);

/* identity.c: the credentials of a process. */
#define IDENTITY_LABEL_SIZE 256

struct identity {
	pid_t tgid;		/* where fd=N is looked up; no part of comparisons */
	uid_t uid;		/* of file access: what the kernel checks an open with */
	gid_t gid;
	gid_t *groups;
	size_t nr_groups;
	uint64_t caps;		/* effective */
	bool no_new_privs;
	unsigned int seccomp;
	ino_t user_ns;
	ino_t pid_ns;
	char label[IDENTITY_LABEL_SIZE];
};

/* Whose process it is: real, effective, saved. */
struct owner {
	uid_t uids[3];
	gid_t gids[3];
};

int identity_parse_owner(FILE *status, struct owner *owner);
int identity_read(pid_t tid, struct identity *identity);
int identity_parse_status(FILE *status, struct identity *identity);
bool identity_equal(const struct identity *a, const struct identity *b);
void identity_release(struct identity *identity);

/* policy.c: may this requester do it? */
struct surroundings {
	struct identity self;	/* the daemon's own */
	int yama;		/* kernel.yama.ptrace_scope; 0 where it does not matter */
};

bool policy_has_cap(const struct surroundings *around, const struct identity *requester,
		    unsigned int cap);
bool policy_may_change(const struct surroundings *around, const struct identity *requester,
		       uid_t owner);
bool policy_may_set_mode(const struct surroundings *around, const struct identity *requester,
			 uid_t owner);
bool policy_may_set_owner(const struct surroundings *around, const struct identity *requester,
			  uid_t owner);
bool policy_may_set_state(const struct surroundings *around, const struct identity *requester);
bool policy_may_see(const struct surroundings *around, const struct identity *requester,
		    uid_t owner);
bool policy_may_give(const struct surroundings *around, const struct identity *requester,
		     uid_t uid, gid_t gid);
const char *policy_obstacle(const struct surroundings *around, const struct identity *requester);

/* rules.c: what the administrator's file says. */
enum party_kind {
	PARTY_ANY,
	PARTY_SELF,
	PARTY_USER,
	PARTY_GROUP,
};

struct party {
	enum party_kind kind;
	char name[COMMAND_NAME_SIZE];
	uint32_t id;			/* once resolved */
};

struct rule {
	bool allow;
	unsigned int line;
	struct party who;
	struct party whom;
	unsigned int memory;		/* 1 << enum memory_kind, without MEMORY_ALL */
	bool write;			/* allow: also; deny: only what writes */
	char owner_user[COMMAND_NAME_SIZE];	/* empty: no default */
	char owner_group[COMMAND_NAME_SIZE];
	uint32_t uid;			/* of the owner, once resolved */
	uint32_t gid;
	mode_t mode;			/* zero: no default */
};

struct rules {
	struct rule *items;
	size_t count;
};

/* How names become numbers; false if there is no such name. */
struct directory_of_names {
	bool (*user)(const char *name, uint32_t *uid);
	bool (*group)(const char *name, uint32_t *gid);
};

extern const struct directory_of_names rules_system_names;

int rules_parse(FILE *file, struct rules *rules, struct complaint *why);
int rules_resolve(struct rules *rules, const struct directory_of_names *names,
		  struct complaint *why);
const struct rule *rules_decide(const struct rules *rules, const struct identity *requester,
				const struct owner *source, enum memory_kind memory, bool write);
int rules_load(const char *path, struct rules *rules, bool *narrow, struct complaint *why);
void rules_release(struct rules *rules);

/* source.c: the mappings of a process. */
enum vma_kind {
	VMA_HEAP,
	VMA_STACK,
	VMA_ANON,
	VMA_FILE,
	VMA_SPECIAL,
};

struct vma {
	uint64_t start;
	uint64_t end;
	char perms[5];
	uint64_t offset;	/* in its file */
	enum vma_kind kind;
	const char *name;	/* within the line that was parsed */
};

struct span {
	uint64_t start;
	uint64_t end;
};

bool vma_parse(char *line, struct vma *vma);
bool vma_matches(const struct vma *vma, const struct memory *memory, bool write);
int source_choose(FILE *maps, const struct memory *memory, bool write,
		  struct span **spans, size_t *nr_spans);

/* kernel.c: the calls of <linux/remotefs.h>. */
int kernel_open_tree(const char *path, struct complaint *why);
int kernel_open_control(int tree);
int kernel_features(int control, uint64_t *features);
int kernel_attach(int control, int mem_fd, pid_t pid);
int kernel_map(int session, struct remotefs_map_args *args);
int kernel_allow(int session, struct remotefs_allow_args *args);
int kernel_unmap(int session, struct remotefs_unmap_args *args);
int kernel_lock(int session, uint32_t map);
int kernel_info(int map_file, struct remotefs_info_args *args);
int kernel_info_mirrored(int map_file, struct remotefs_info_args *args);
int kernel_range(int map_file, struct remotefs_range_args *args);
int kernel_range_mirrored(int map_file, struct remotefs_range_args *args);
bool kernel_label(int map_file, char label[REMOTEFS_LABEL_MAX + 1]);
int kernel_area(int map_file, struct remotefs_area_args *args);
int kernel_remote(int session, struct remotefs_remote_args *args);
int kernel_watch(int session);
int kernel_watch_add(int watcher, const struct span *span, uint64_t cookie);

/* tree.c: what the data tree holds. */
#define TREE_NAME_SIZE 32

struct map_file {
	pid_t pid;
	uint32_t map;
	ino_t ino;		/* no other file of the mount ever has it */
	uid_t uid;
	gid_t gid;
	mode_t mode;
	uint64_t size;
};

int tree_open_process(int tree, pid_t pid);
bool tree_has_process(int tree, pid_t pid);
int tree_processes(int tree, pid_t **pids, size_t *nr_pids);
int tree_files(int tree, pid_t pid, struct map_file **files, size_t *nr_files);
int tree_all_files(int tree, struct map_file **files, size_t *nr_files);
int tree_file(int tree, pid_t pid, uint32_t map, struct map_file *file);
int tree_open_file(int tree, pid_t pid, uint32_t map);
int tree_label(int directory, uint32_t map, const char *label);
int tree_unlink(int tree, const struct map_file *file);
int tree_chmod(int tree, const struct map_file *file, mode_t mode);
int tree_chown(int tree, const struct map_file *file, uid_t uid, gid_t gid);
int tree_remove_process(int tree, pid_t pid);
const char *tree_name(char name[TREE_NAME_SIZE], uint32_t map);
void tree_print_path(FILE *out, pid_t pid, uint32_t map);

/* authority.c: the descriptor that proves a requester's right. */
struct authority {
	int mem;		/* /proc/PID/mem */
	int maps;		/* /proc/PID/maps of the same process */
	struct owner owner;	/* whose process it is */
};

int authority_take(const struct command *command, const struct surroundings *around,
		   const struct identity *requester, struct authority *authority,
		   struct complaint *why);
int authority_attach(const struct authority *authority, int control, pid_t pid,
		     const struct surroundings *around, const struct identity *requester);
int authority_open_as(const struct surroundings *around, const struct identity *requester,
		      int directory, const char *name, int flags);
int authority_attach_to_watch(const struct authority *authority, int control, pid_t pid,
			      const struct surroundings *around,
			      const struct identity *requester);
int authority_open_proc(pid_t pid, const char *name, const struct surroundings *around,
			const struct identity *requester);

/* What the daemon has done since it started. */
struct tally {
	uint64_t commands;
	uint64_t failures;
	uint64_t listings;
};

/* What is to be done for a requester, in a child. */
struct job {
	const char *data;		/* path of the data tree */
	const char *policy;		/* path of the rules */
	pid_t pid;			/* of the directory, 0 at the top */
	uint32_t map;			/* of the directory of a map file */
	const struct identity *requester;
	const struct surroundings *around;
	const struct tally *tally;
	const char *text;		/* the command */
	size_t length;
	uint64_t token;			/* names what is open, see watch.c */
};

/* record.c: what the journal keeps of who did what. */
enum record_event {
	RECORD_CREATE,
	RECORD_CHANGE,
	RECORD_REVOKE,
	RECORD_OPEN,
	RECORD_DENIED,
	NR_RECORD_EVENTS,
};

/* As text, for a record: "0x1000-0x2000 ro" and so on. */
#define RECORD_RANGE_SIZE 256

struct record {
	enum record_event event;
	const struct identity *requester;
	pid_t pid;		/* the source; 0 if there is none */
	const char *file;	/* "PID/map-N", or NULL */
	const char *range;	/* or NULL */
	const char *verb;	/* of the command, or NULL */
	int error;		/* RECORD_DENIED only */
	const char *sentence;	/* RECORD_DENIED only */
};

int record_init(void);
void record_range(char range[RECORD_RANGE_SIZE], uint64_t start, uint64_t end,
		  const char *rights);
void record_write(const struct record *record);

/* grant.c: one command on its way. */
struct grant {
	const struct job *job;
	const struct command *command;
	const char *verb;
	int tree;
	int session;
	FILE *maps;		/* the source's, readable only once attached */
	mode_t mode;		/* of what is made, by the rules; 0: no default */
	bool has_owner;		/* the rules say whose it is */
	uid_t uid;
	gid_t gid;
	FILE *answer;
	struct complaint *why;
};

int grant_run(const struct job *job, FILE *answer);
int grant_attach(struct grant *grant);
int grant_attach_for_file(struct grant *grant, struct remotefs_map_args *args);
int grant_explain_map(const struct grant *grant, int error);
int grant_choose_spans(const struct grant *grant, struct span **spans, size_t *nr_spans);
int grant_find_owner(const struct grant *grant, uint32_t *uid, uint32_t *gid);
void grant_print_file(const struct grant *grant, uint32_t map);
void grant_record(const struct grant *grant, enum record_event event, pid_t pid, uint32_t map,
		  const char *range);

/* change.c: what is done to map files that exist. */
int change_revoke(struct grant *grant);
int change_allow(struct grant *grant);
int change_unmap(struct grant *grant);
int change_lock(struct grant *grant);
int change_state(struct grant *grant);
int change_mode(struct grant *grant);
int change_owner(struct grant *grant);
int change_may(const struct grant *grant, const struct map_file *file);

/* remote.c: what is done to the memory of a process. */
int remote_new(struct grant *grant);
int remote_mmap(struct grant *grant);
int remote_munmap(struct grant *grant);
int remote_discard(struct grant *grant);

/* watch.c: what is told of memory, not only of map files. */
int watch_add(struct grant *grant);
int watch_end(struct grant *grant);
int watch_file(const struct job *job, FILE *answer);

/* listing.c: files to read. */
int listing_version(const struct job *job, FILE *out);
int listing_ranges(const struct job *job, FILE *out);
int listing_stats(const struct job *job, FILE *out);
int listing_info(const struct job *job, FILE *out);
int listing_by_addr(const struct job *job, FILE *out);
int listing_find_range(const struct job *job, uint64_t start, uint64_t end, uint32_t *map);
int listing_status(const struct job *job, FILE *out);
int listing_maps(const struct job *job, FILE *out);

/* journal.c: what the service manager hears. */
void journal_log(int level, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
void journal_notify(const char *state);
bool journal_send(const char *fields, size_t length, int flags);
bool journal_send_line(int priority, const char *text, int flags);

/* opened.c: how much each user has open. */
int opened_more(uid_t uid);
void opened_less(uid_t uid);

/* worker.c: children, each doing one job. */
typedef int (*worker_job_fn)(const struct job *job, FILE *answer);
typedef void (*worker_done_fn)(void *cookie, int error, int answer_fd);

int worker_start(worker_job_fn run, const struct job *job, worker_done_fn done, void *cookie);
void worker_reap(void);
void worker_kill(void);
bool worker_is_any(void);
void worker_become(void);
void worker_close_in_children(int fd);

/* core.c: the memory of a process that is exposed, as an ELF core. */
struct core;

int core_open(const struct job *job, struct core **core);
uint64_t core_size(const struct core *core);
ssize_t core_read(const struct core *core, char *buffer, size_t size, uint64_t offset);
int core_measure(const struct job *job, FILE *out);

/* stream.c: children that answer one read after the other. */
struct stream;
typedef void (*stream_done_fn)(void *cookie, int error, uint64_t value);

int stream_init(void);
int stream_start(const struct job *job, stream_done_fn done, void *cookie,
		 struct stream **stream);
int stream_read(struct stream *stream, uint64_t offset, size_t size);
int stream_data_fd(const struct stream *stream);
void stream_end(struct stream *stream);
void stream_answer(void);
void stream_kill(void);
void stream_reaped(pid_t pid);

/* node.c: the nodes of the control tree. */
enum node_kind {
	NODE_ROOT = 1,		/* as FUSE numbers it */
	NODE_PROCESS,
	NODE_MAP,
	NODE_BY_ADDR,
	NODE_LINK,
	NODE_CTL,		/* this and all that follow are files */
	NODE_RANGES,
	NODE_STATS,
	NODE_VERSION,
	NODE_PROCESS_CTL,
	NODE_STATUS,
	NODE_MAPS,
	NODE_CORE,
	NODE_EVENTS,
	NODE_MAP_CTL,
	NODE_INFO,
	NODE_MAP_EVENTS,
	NR_NODES,
};

struct node {
	const char *name;	/* NULL: it depends */
	mode_t mode;
	enum node_kind parent;
	worker_job_fn list;	/* NULL: takes commands, or is the core, or events */
};

extern const struct node nodes[NR_NODES];

struct stat;

uint64_t node_number(enum node_kind kind, pid_t pid);
uint64_t node_map_number(enum node_kind kind, pid_t pid, uint32_t map);
enum node_kind node_kind(uint64_t number);
pid_t node_pid(uint64_t number);
uint32_t node_map(uint64_t number);
bool node_takes_commands(uint64_t number);
bool node_has_events(uint64_t number);
uint64_t node_fresh(uint64_t number, uint64_t *serial);
void node_stat(uint64_t number, struct timespec started, struct stat *st);
uint64_t node_find(uint64_t parent, const char *name);
bool node_exists(uint64_t number, const char *data);

/* ctlfs.c: what libfuse calls; directory.c does it for directories. */
struct fuse_lowlevel_ops;

struct ctlfs {
	const char *data;	/* an absolute path */
	const char *policy;
	struct surroundings around;
	struct timespec started;
	uint64_t serial;	/* of look-ups, see node_fresh() */
	struct tally tally;
};

extern const struct fuse_lowlevel_ops ctlfs_ops;

#endif /* REMOTEFSD_H */
