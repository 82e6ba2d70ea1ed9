// SPDX-License-Identifier: GPL-2.0-only
/*
 * The grammar of the control files: every form of it, and every way to get it
 * wrong.
 *
 * Copyright (C) 2026 The remotefs authors
 */
/* Links: remotefsd/command.c remotefsd/word.c remotefsd/complaint.c */
#include <errno.h>
#include <limits.h>
#include <string.h>

#include <linux/remotefs.h>

#include "remotefsd.h"
#include "tap.h"

#define LABEL_63 "abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyz12345678901"

static const struct good {
	const char *text;
	struct command command;
} good[] = {
	{ "add 1 heap", { .memory = { .kind = MEMORY_HEAP } } },
	{ "add 1 stack", { .memory = { .kind = MEMORY_STACK } } },
	{ "add 1 anon", { .memory = { .kind = MEMORY_ANON } } },
	{ "add 1 all", { .memory = { .kind = MEMORY_ALL } } },
	{ "add 1 as", { .memory = { .kind = MEMORY_WHOLE } } },
	{ "add 1 heap\n", { .memory = { .kind = MEMORY_HEAP } } },
	{ " \tadd\t1   heap  ", { .memory = { .kind = MEMORY_HEAP } } },
	{ "add 1 heap ro", { .memory = { .kind = MEMORY_HEAP } } },
	{ "add 1 heap rw", { .memory = { .kind = MEMORY_HEAP }, .write = true } },
	{ "add 2147483647 heap", { .pid = INT_MAX, .memory = { .kind = MEMORY_HEAP } } },
	{ "add 1 0x0-0x1000", { .memory = { MEMORY_INTERVAL, 0, 0x1000, "" } } },
	{ "add 1 0x7fABc000-0x7fabd000",
	  { .memory = { MEMORY_INTERVAL, 0x7fabc000, 0x7fabd000, "" } } },
	{ "add 1 0x1000-0xfffffffffffff000",
	  { .memory = { MEMORY_INTERVAL, 0x1000, 0xfffffffffffff000, "" } } },
	{ "add 1 0x00000000000001000-0x2000",
	  { .memory = { MEMORY_INTERVAL, 0x1000, 0x2000, "" } } },
	{ "add 1 [anon:x]", { .memory = { .kind = MEMORY_NAMED, .name = "[anon:x]" } } },
	{ "add 1 [anon:two words] rw",
	  { .memory = { .kind = MEMORY_NAMED, .name = "[anon:two words]" }, .write = true } },
	{ "add 1 heap mode=0440", { .memory = { .kind = MEMORY_HEAP }, .mode = 0440 } },
	{ "add 1 heap onexit=bus", { .memory = { .kind = MEMORY_HEAP } } },
	{ "add 1 heap onexit=zero", { .memory = { .kind = MEMORY_HEAP }, .zero = true } },
	{ "add 1 heap owner=me:us",
	  { .memory = { .kind = MEMORY_HEAP }, .owner_user = "me", .owner_group = "us" } },
	{ "add 1 heap owner=0:4294967294",
	  { .memory = { .kind = MEMORY_HEAP }, .owner_user = "0", .owner_group = "4294967294" } },
	{ "add 1 heap label=a-b._:[] ro",
	  { .memory = { .kind = MEMORY_HEAP }, .label = "a-b._:[]" } },
	{ "add 1 all label=" LABEL_63, { .memory = { .kind = MEMORY_ALL }, .label = LABEL_63 } },
	{ "add 1 heap fd=0", { .memory = { .kind = MEMORY_HEAP }, .fd = 0 } },
	{ "add 1 heap fd=9 onexit=bus mode=0640 owner=a:b rw",
	  { .memory = { .kind = MEMORY_HEAP }, .fd = 9, .mode = 0640, .owner_user = "a",
	    .owner_group = "b", .write = true } },
	{ "revoke all", { .verb = COMMAND_REVOKE, .scope = SCOPE_ALL } },
	{ "revoke 1", { .verb = COMMAND_REVOKE } },
	{ "revoke 1/map-0", { .verb = COMMAND_REVOKE, .scope = SCOPE_FILE } },
	{ "revoke 1/map-4294967294",
	  { .verb = COMMAND_REVOKE, .scope = SCOPE_FILE, .map = 4294967294 } },
	{ "revoke 1/as", { .verb = COMMAND_REVOKE, .scope = SCOPE_FILE, .map = REMOTEFS_MAP_AS } },
	{ "add 1 0x1000-0x2000 into=map-3 at=0x5000 rw",
	  { .memory = { MEMORY_INTERVAL, 0x1000, 0x2000, "" }, .write = true, .into = true,
	    .map = 3, .at = 0x5000 } },
	{ "add 1 0x1000-0x2000 into=map-3",
	  { .memory = { MEMORY_INTERVAL, 0x1000, 0x2000, "" }, .into = true, .map = 3 } },
	{ "unmap 1/map-3 0x1000-0x2000",
	  { .verb = COMMAND_UNMAP, .scope = SCOPE_FILE, .map = 3,
	    .memory = { MEMORY_INTERVAL, 0x1000, 0x2000, "" } } },
	{ "lock 1", { .verb = COMMAND_LOCK } },
	{ "lock 1/map-2 fd=4",
	  { .verb = COMMAND_LOCK, .scope = SCOPE_FILE, .map = 2, .fd = 4 } },
	{ "chmod 0440 1/map-0", { .verb = COMMAND_CHMOD, .scope = SCOPE_FILE, .mode = 0440 } },
	{ "chmod 0600 1", { .verb = COMMAND_CHMOD, .mode = 0600 } },
	{ "chown a:b 1/as",
	  { .verb = COMMAND_CHOWN, .scope = SCOPE_FILE, .map = REMOTEFS_MAP_AS,
	    .owner_user = "a", .owner_group = "b" } },
	{ "watch 1 heap", { .verb = COMMAND_WATCH, .memory = { .kind = MEMORY_HEAP } } },
	{ "watch 1 as fd=5",
	  { .verb = COMMAND_WATCH, .memory = { .kind = MEMORY_WHOLE }, .fd = 5 } },
	{ "watch 1 0x1000-0x3000",
	  { .verb = COMMAND_WATCH, .memory = { MEMORY_INTERVAL, 0x1000, 0x3000, "" } } },
	{ "unwatch 1", { .verb = COMMAND_UNWATCH } },
	{ "new 1 4096", { .verb = COMMAND_NEW, .memory.kind = MEMORY_REMOTE, .remote = true, .size = 4096 } },
	{ "new 1 64K rw",
	  { .verb = COMMAND_NEW, .memory.kind = MEMORY_REMOTE, .remote = true, .size = 65536,
	    .write = true } },
	{ "new 1 2M ro at=0x10000 huge owner=a:b mode=0440 onexit=zero fd=3",
	  { .verb = COMMAND_NEW, .memory.kind = MEMORY_REMOTE, .remote = true, .size = 2 << 20,
	    .at = 0x10000, .how = REMOTEFS_REMOTE_FIXED | REMOTEFS_REMOTE_HUGE, .owner_user = "a",
	    .owner_group = "b", .mode = 0440, .zero = true, .fd = 3 } },
	{ "new 1 1G near=0x10000 nohuge",
	  { .verb = COMMAND_NEW, .memory.kind = MEMORY_REMOTE, .remote = true, .size = 1 << 30,
	    .at = 0x10000, .how = REMOTEFS_REMOTE_NOHUGE } },
	{ "new 1 17179869183G",
	  { .verb = COMMAND_NEW, .memory.kind = MEMORY_REMOTE, .remote = true,
	    .size = 17179869183ULL << 30 } },
	{ "mmap 1 4K none",
	  { .verb = COMMAND_MMAP, .memory.kind = MEMORY_REMOTE, .remote = true, .size = 4096,
	    .none = true } },
	{ "mmap 1 4K rw replace at=0x1000 nohuge",
	  { .verb = COMMAND_MMAP, .memory.kind = MEMORY_REMOTE, .remote = true, .size = 4096,
	    .at = 0x1000, .write = true, .how = REMOTEFS_REMOTE_FIXED | REMOTEFS_REMOTE_REPLACE |
						REMOTEFS_REMOTE_NOHUGE } },
	{ "mmap 1 4K ro fd=7",
	  { .verb = COMMAND_MMAP, .memory.kind = MEMORY_REMOTE, .remote = true, .size = 4096,
	    .fd = 7 } },
	{ "munmap 1 0x1000-0x3000",
	  { .verb = COMMAND_MUNMAP, .remote = true,
	    .memory = { MEMORY_INTERVAL, 0x1000, 0x3000, "" } } },
	{ "discard 1 0x1000-0x3000 fd=3",
	  { .verb = COMMAND_DISCARD, .remote = true, .fd = 3,
	    .memory = { MEMORY_INTERVAL, 0x1000, 0x3000, "" } } },
	{ "state 1/map-2 0=1 7=0xfF 3=18446744073709551615",
	  { .verb = COMMAND_STATE, .scope = SCOPE_FILE, .map = 2, .slots = 0x89,
	    .state = { 1, 0, 0, UINT64_MAX, 0, 0, 0, 255 } } },
	{ "help", { .verb = COMMAND_HELP, .scope = SCOPE_ALL } },
	{ "allow 1/as 0x1000-0x3000 rw",
	  { .verb = COMMAND_ALLOW, .scope = SCOPE_FILE, .map = REMOTEFS_MAP_AS, .write = true,
	    .memory = { MEMORY_INTERVAL, 0x1000, 0x3000, "" } } },
	{ "allow 1/map-7 0x1000-0x3000 rw fd=3",
	  { .verb = COMMAND_ALLOW, .scope = SCOPE_FILE, .map = 7, .write = true, .fd = 3,
	    .memory = { MEMORY_INTERVAL, 0x1000, 0x3000, "" } } },
};

static const struct bad {
	const char *text;
	int error;
	const char *sentence;	/* how it begins */
} bad[] = {
	/* Shape */
	{ "", EINVAL, "an empty command" },
	{ "\n", EINVAL, "an empty command" },
	{ " \t ", EINVAL, "an empty command" },
	{ "\n\n", EINVAL, "more than one line" },
	{ "add 1 heap\n\n", EINVAL, "more than one line" },
	{ "add 1 heap\nadd 2 heap", EINVAL, "more than one line" },
	{ "add 1 heap\r\n", EINVAL, "a byte that is not" },
	{ "add 1 heap\x7f", EINVAL, "a byte that is not" },
	{ "add 1 [anon:\xc3\xa4]", EINVAL, "a byte that is not" },
	{ "a b c d e f g h i j k l m n o p q", EINVAL, "more than 16 words" },
	/* Verbs */
	{ "ad 1 heap", EINVAL, "'ad' is not a command" },
	{ "ADD 1 heap", EINVAL, "'ADD' is not a command" },
	{ "adds 1 heap", EINVAL, "'adds' is not a command" },
	/* Too few words, too many */
	{ "add", EINVAL, "usage: add" },
	{ "add 1", EINVAL, "usage: add" },
	{ "revoke", EINVAL, "usage: revoke" },
	{ "revoke 1 2", EINVAL, "usage: revoke" },
	{ "watch", EINVAL, "usage: watch" },
	{ "watch 1", EINVAL, "usage: watch" },
	{ "watch 0 heap", EINVAL, "'0' is not a PID" },
	{ "watch 1/map-0 heap", EINVAL, "'1/map-0' is not a PID" },
	{ "watch 1 brk", EINVAL, "'brk' is not memory" },
	{ "watch 1 heap rw", EINVAL, "'rw' has no meaning here" },
	{ "watch 1 heap owner=a:b", EINVAL, "'owner=a:b' has no meaning here" },
	{ "watch 1 heap fd=1 fd=1", EINVAL, "'fd=' is said twice" },
	{ "unwatch", EINVAL, "usage: unwatch" },
	{ "unwatch 1 heap", EINVAL, "usage: unwatch" },
	{ "unwatch all", EINVAL, "'all' is not a PID" },
	{ "allow", EINVAL, "usage: allow" },
	{ "allow 1/as 0x1000-0x2000", EINVAL, "usage: allow" },
	{ "allow 1 0x1000-0x2000 rw", EINVAL, "usage: allow" },
	/* Memory to be made, and taken away */
	{ "new", EINVAL, "usage: new" },
	{ "new 1", EINVAL, "usage: new" },
	{ "new 1 0", EINVAL, "'0' is not a size" },
	{ "new 1 0K", EINVAL, "'0K' is not a size" },
	{ "new 1 4095", EINVAL, "'4095' is not a size" },
	{ "new 1 1K", EINVAL, "'1K' is not a size" },
	{ "new 1 04K", EINVAL, "'04K' is not a size" },
	{ "new 1 K", EINVAL, "'K' is not a size" },
	{ "new 1 4k", EINVAL, "'4k' is not a size" },
	{ "new 1 4KK", EINVAL, "'4KK' is not a size" },
	{ "new 1 4T", EINVAL, "'4T' is not a size" },
	{ "new 1 -4K", EINVAL, "'-4K' is not a size" },
	{ "new 1 0x1000", EINVAL, "'0x1000' is not a size" },
	{ "new 1 17179869184G", EINVAL, "'17179869184G' is not a size" },
	{ "new 1 18446744073709551616", EINVAL, "'18446744073709551616' is not" },
	{ "new 1 00000000000000000000000004K", EINVAL, "'00000000" },
	{ "new 1 4K none", EINVAL, "'none' has no meaning here" },
	{ "new 1 4K replace at=0x1000", EINVAL, "'replace' has no meaning here" },
	{ "new 1 4K into=map-0", EINVAL, "'into=map-0' has no meaning here" },
	{ "new 1 4K at=0x1001", EINVAL, "at= takes" },
	{ "new 1 4K near=0x1001", EINVAL, "near= takes" },
	{ "new 1 4K near=4096", EINVAL, "near= takes" },
	{ "new 1 4K at=0x1000 near=0x1000", EINVAL, "at= and near= exclude" },
	{ "new 1 4K huge nohuge", EINVAL, "'nohuge' is said twice" },
	{ "new 1/map-0 4K", EINVAL, "'1/map-0' is not a PID" },
	{ "mmap 1 4K", EINVAL, "usage: mmap" },
	{ "mmap 1 4K huge", EINVAL, "mmap takes one of" },
	{ "mmap 1 4K none rw", EINVAL, "mmap takes one of" },
	{ "mmap 1 4K rwx", EINVAL, "'rwx' has no meaning here" },
	{ "mmap 1 4K rw mode=0600", EINVAL, "'mode=0600' has no meaning here" },
	{ "mmap 1 4K rw replace", EINVAL, "replace goes with at=" },
	{ "mmap 1 4K rw replace near=0x1000", EINVAL, "replace goes with at=" },
	{ "mmap 1 4K rw replace at=0x1000 huge", EINVAL, "replace and huge exclude" },
	{ "munmap 1", EINVAL, "usage: munmap" },
	{ "munmap 1 heap", EINVAL, "an interval is written" },
	{ "munmap 1 0x1000-0x2000 rw", EINVAL, "'rw' has no meaning here" },
	{ "discard", EINVAL, "usage: discard" },
	{ "discard all 0x1000-0x2000", EINVAL, "'all' is not a PID" },
	{ "add 1 heap near=0x1000", EINVAL, "'near=0x1000' has no meaning here" },
	{ "add 1 heap huge", EINVAL, "'huge' has no meaning here" },
	{ "add 1 heap none", EINVAL, "'none' has no meaning here" },
	/* PIDs */
	{ "add 0 heap", EINVAL, "'0' is not a PID" },
	{ "add -1 heap", EINVAL, "'-1' is not a PID" },
	{ "add +1 heap", EINVAL, "'+1' is not a PID" },
	{ "add 01 heap", EINVAL, "'01' is not a PID" },
	{ "add 0x1 heap", EINVAL, "'0x1' is not a PID" },
	{ "add 1a heap", EINVAL, "'1a' is not a PID" },
	{ "add self heap", EINVAL, "'self' is not a PID" },
	{ "add 1/../2 heap", EINVAL, "'1/../2' is not a PID" },
	{ "add 2147483648 heap", EINVAL, "'2147483648' is not a PID" },
	{ "add 18446744073709551617 heap", EINVAL, "'18446744073709551617' is" },
	{ "revoke 0", EINVAL, "'0' is not a PID" },
	{ "revoke everything", EINVAL, "'everything' is not a PID" },
	/* Memory */
	{ "add 1 head", EINVAL, "'head' is not memory" },
	{ "add 1 rw", EINVAL, "'rw' is not memory" },
	{ "add 1 1000-2000", EINVAL, "'1000-2000' is not memory" },
	{ "add 1 0x1000", EINVAL, "an interval is written" },
	{ "add 1 0x1000-", EINVAL, "an interval is written" },
	{ "add 1 0x-0x1000", EINVAL, "an interval is written" },
	{ "add 1 0x1000-2000", EINVAL, "an interval is written" },
	{ "add 1 0x1000+0x1000", EINVAL, "an interval is written" },
	{ "add 1 0x1000-0x2000-0x3000", EINVAL, "an interval is written" },
	{ "add 1 0x1000-0x10000000000000000", EINVAL, "an interval is written" },
	{ "add 1 0xfffffffffffff000-0x10000000000001000", EINVAL, "an interval is written" },
	{ "add 1 0x1000-0x1000", EINVAL, "the interval is empty" },
	{ "add 1 0x2000-0x1000", EINVAL, "the interval is empty" },
	{ "add 1 0xfffffffffffff000-0x0", EINVAL, "the interval is empty" },
	{ "add 1 0x1001-0x2000", EINVAL, "the interval is not made" },
	{ "add 1 0x1000-0x2001", EINVAL, "the interval is not made" },
	{ "add 1 0x0-0xffffffffffffffff", EINVAL, "the interval is not made" },
	{ "add 1 [heap]", EINVAL, "a name is written" },
	{ "add 1 [anon:]", EINVAL, "a name is written" },
	{ "add 1 [anon:x", EINVAL, "a name is written" },
	{ "add 1 [anon:x]y", EINVAL, "a name is written" },
	{ "add 1 [anon:0123456789012345678901234567890123456789012345678901234567890123456789"
	  "01234567890123456789]", EINVAL, "the name is too long" },
	/* Options */
	{ "add 1 heap rx", EINVAL, "'rx' has no meaning" },
	{ "add 1 heap RW", EINVAL, "'RW' has no meaning" },
	{ "add 1 heap rw=1", EINVAL, "'rw=1' has no meaning" },
	{ "add 1 heap mode", EINVAL, "'mode' has no meaning" },
	{ "add 1 heap ro rw", EINVAL, "'rw' is said twice" },
	{ "add 1 heap rw rw", EINVAL, "'rw' is said twice" },
	{ "add 1 heap mode=0400 mode=0400", EINVAL, "'mode=' is said twice" },
	{ "add 1 heap fd=1 fd=1", EINVAL, "'fd=' is said twice" },
	{ "add 1 heap owner=a:b owner=a:b", EINVAL, "'owner=' is said twice" },
	{ "add 1 heap mode=", EINVAL, "a mode is written" },
	{ "add 1 heap mode=400", EINVAL, "a mode is written" },
	{ "add 1 heap mode=1400", EINVAL, "a mode is written" },
	{ "add 1 heap mode=0480", EINVAL, "a mode is written" },
	{ "add 1 heap mode=04000", EINVAL, "a mode is written" },
	{ "add 1 heap mode=0000", EINVAL, "a mode is within" },
	{ "add 1 heap mode=0500", EINVAL, "a mode is within" },
	{ "add 1 heap mode=0777", EINVAL, "a mode is within" },
	{ "add 1 heap owner=", EINVAL, "an owner is written" },
	{ "add 1 heap owner=a", EINVAL, "an owner is written" },
	{ "add 1 heap owner=:b", EINVAL, "an owner is written" },
	{ "add 1 heap owner=a:", EINVAL, "an owner is written" },
	{ "add 1 heap owner=0123456789012345678901234567890123456789012345678901234567890123:b",
	  EINVAL, "the name of the owner is too long" },
	{ "add 1 heap owner=b:0123456789012345678901234567890123456789012345678901234567890123",
	  EINVAL, "the name of the owner is too long" },
	{ "add 1 heap fd=", EINVAL, "'' is not a file descriptor" },
	{ "add 1 heap fd=-1", EINVAL, "'-1' is not a file descriptor" },
	{ "add 1 heap fd=2147483648", EINVAL, "'2147483648' is not a file" },
	{ "add 1 heap onexit=", EINVAL, "onexit= takes" },
	{ "add 1 heap onexit=zer", EINVAL, "onexit= takes" },
	{ "add 1 heap label=", EINVAL, "a label has" },
	{ "add 1 heap label=a/b", EINVAL, "a label has" },
	{ "add 1 heap label=" LABEL_63 "4", EINVAL, "a label has" },
	{ "add 1 0x1000-0x2000 into=map-0 label=a", EINVAL, "into= and label= exclude" },
	{ "add 1 heap label=a label=b", EINVAL, "'label=' is said twice" },
	{ "new 1 64K label=a", EINVAL, "'label=a' has no meaning" },
	/* Map files */
	{ "revoke 1/", EINVAL, "'' is not the name of a map file" },
	{ "revoke 1/map", EINVAL, "'map' is not the name" },
	{ "revoke 1/map-", EINVAL, "'map-' is not the name" },
	{ "revoke 1/map-01", EINVAL, "'map-01' is not the name" },
	{ "revoke 1/map--1", EINVAL, "'map--1' is not the name" },
	{ "revoke 1/map-4294967295", EINVAL, "'map-4294967295' is not the name" },
	{ "revoke 1/as/", EINVAL, "'as/' is not the name" },
	{ "revoke 1/../control", EINVAL, "'../control' is not the name" },
	{ "revoke /as", EINVAL, "'' is not a PID" },
	{ "revoke all/as", EINVAL, "'all' is not a PID" },
	/* into= */
	{ "add 1 heap into=map-0", EINVAL, "into= takes one interval" },
	{ "add 1 0x1000-0x2000 into=as", EINVAL, "into= takes the name" },
	{ "add 1 0x1000-0x2000 into=7", EINVAL, "into= takes the name" },
	{ "add 1 0x1000-0x2000 at=0x1000", EINVAL, "at= goes with into=" },
	{ "add 1 0x1000-0x2000 into=map-0 at=0x1001", EINVAL, "at= takes a number" },
	{ "add 1 0x1000-0x2000 into=map-0 at=4096", EINVAL, "at= takes a number" },
	{ "add 1 0x1000-0x2000 into=map-0 mode=0400", EINVAL, "the map file has its" },
	{ "add 1 0x1000-0x2000 into=map-0 owner=a:b", EINVAL, "the map file has its" },
	/* unmap, lock, chmod, chown, help */
	{ "unmap 1/map-0", EINVAL, "usage: unmap" },
	{ "unmap 1 0x1000-0x2000", EINVAL, "usage: unmap" },
	{ "unmap 1/map-0 heap", EINVAL, "an interval is written" },
	{ "unmap 1/map-0 0x1000-0x2000 rw", EINVAL, "'rw' has no meaning" },
	{ "lock", EINVAL, "usage: lock" },
	{ "state", EINVAL, "usage: state" },
	{ "state 1/map-0", EINVAL, "usage: state" },
	{ "state 1 0=1", EINVAL, "usage: state" },
	{ "state 1/map-0 8=1", EINVAL, "state takes N=NUMBER" },
	{ "state 1/map-0 =1", EINVAL, "state takes N=NUMBER" },
	{ "state 1/map-0 0=", EINVAL, "state takes N=NUMBER" },
	{ "state 1/map-0 0=-1", EINVAL, "state takes N=NUMBER" },
	{ "state 1/map-0 0=18446744073709551616", EINVAL, "state takes N=NUMBER" },
	{ "state 1/map-0 0=1 fd=3", EINVAL, "state takes N=NUMBER" },
	{ "state 1/map-0 0=1 0=2", EINVAL, "number 0 is said twice" },
	{ "lock all", EINVAL, "'all' is not a PID" },
	{ "lock 1 rw", EINVAL, "'rw' has no meaning" },
	{ "lock 1 into=map-0", EINVAL, "'into=map-0' has no meaning" },
	{ "chmod 0440", EINVAL, "usage: chmod" },
	{ "chmod 1/map-0 0440", EINVAL, "a mode is written" },
	{ "chmod 0000 1/map-0", EINVAL, "a mode is within" },
	{ "chmod 0440 1/map-0 1/map-1", EINVAL, "usage: chmod" },
	{ "chmod 0440 all", EINVAL, "'all' is not a PID" },
	{ "chown a 1/map-0", EINVAL, "an owner is written" },
	{ "chown a:b", EINVAL, "usage: chown" },
	{ "help me", EINVAL, "usage: help" },
	/* allow */
	{ "allow 1/as heap rw", EINVAL, "an interval is written" },
	{ "allow 1/as 0x1000-0x2000 ro", EINVAL, "allow can only say rw" },
	{ "allow 1/as 0x1000-0x2000 fd=3", EINVAL, "allow can only say rw" },
	{ "allow 1/as 0x1000-0x2000 rw mode=0600", EINVAL, "'mode=0600' has no meaning" },
	{ "allow 1/as 0x1000-0x2000 rw owner=a:b", EINVAL, "'owner=a:b' has no meaning" },
	{ "allow 1/as 0x1000-0x2000 rw rw", EINVAL, "'rw' is said twice" },
};

static bool same_memory(const struct memory *a, const struct memory *b)
{
	return a->kind == b->kind && a->start == b->start && a->end == b->end &&
	       !strcmp(a->name, b->name);
}

static bool same_command(const struct command *a, const struct command *b)
{
	return a->verb == b->verb && a->scope == b->scope && a->pid == b->pid &&
	       a->map == b->map && a->write == b->write && a->zero == b->zero && a->mode == b->mode &&
	       a->fd == b->fd && a->into == b->into && a->at == b->at && a->remote == b->remote &&
	       a->size == b->size && a->how == b->how && a->none == b->none &&
	       a->slots == b->slots && !memcmp(a->state, b->state, sizeof(a->state)) &&
	       !strcmp(a->label, b->label) && !strcmp(a->owner_user, b->owner_user) &&
	       !strcmp(a->owner_group, b->owner_group) && same_memory(&a->memory, &b->memory);
}

/* Fills in what the table leaves out because it is the usual. */
static struct command expected(const struct good *row)
{
	struct command command = row->command;

	if (!command.pid && command.scope != SCOPE_ALL)
		command.pid = 1;
	if (!strstr(row->text, "fd="))
		command.fd = -1;
	return command;
}

static void test_good(const struct good *row)
{
	struct command want = expected(row);
	struct complaint why = { "" };
	struct command command;
	int error = command_parse(row->text, strlen(row->text), &command, &why);

	tap(!error && same_command(&command, &want), "understands '%.*s'",
	    (int)strcspn(row->text, "\n"), row->text);
}

static void test_bad(const struct bad *row)
{
	struct complaint why = { "" };
	struct command command;
	int error = command_parse(row->text, strlen(row->text), &command, &why);
	bool refused = error == row->error &&
		       !strncmp(why.sentence, row->sentence, strlen(row->sentence));

	tap(refused, "refuses '%.*s': %s", (int)strcspn(row->text, "\r\n"), row->text,
	    why.sentence);
}

static void test_length(size_t length, bool newline, int want)
{
	static char text[2 * COMMAND_SIZE];
	struct complaint why;
	struct command command;

	memset(text, ' ', sizeof(text));
	memcpy(text, "add 1 heap", 10);
	if (newline)
		text[length - 1] = '\n';
	tap(command_parse(text, length, &command, &why) == want, "%s %zu bytes%s",
	    want ? "refuses" : "takes", length, newline ? ", the last a newline" : "");
}

static void test_nul(void)
{
	static const char text[] = "add 1 heap\0rw";
	struct complaint why;
	struct command command;

	tap(command_parse(text, sizeof(text) - 1, &command, &why) == EINVAL,
	    "refuses a NUL between words");
	tap(command_parse(text, 11, &command, &why) == EINVAL, "refuses a NUL at the end");
	tap(command_parse(text, 0, &command, &why) == EINVAL, "refuses no bytes at all");
}

int main(void)
{
	for (size_t i = 0; i < sizeof(good) / sizeof(*good); i++)
		test_good(&good[i]);
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		test_bad(&bad[i]);
	test_length(COMMAND_SIZE - 1, false, 0);
	test_length(COMMAND_SIZE, true, 0);
	test_length(COMMAND_SIZE, false, EINVAL);
	test_length(COMMAND_SIZE + 1, true, EINVAL);
	test_nul();
	return tap_done();
}
