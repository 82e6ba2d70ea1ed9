/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * remotefsctl: what its files share.
 *
 * Copyright (C) 2026 The remotefs authors
 *
 * What runs a command returns an exit status: 0, or 1 after a message.
 */
#ifndef REMOTEFSCTL_H
#define REMOTEFSCTL_H

#include <stdbool.h>

#ifndef REMOTEFS_VERSION
#define REMOTEFS_VERSION "0.1.0"
#endif

struct settings {
	const char *data;	/* where remotefs is mounted */
	const char *mount;	/* where remotefsd serves its tree */
	bool core;		/* dump --core */
	bool quiet;		/* no progress bar, no paths */
};

/* ask.c: commands that go to ctl. */
int ask_run(const struct settings *settings, int argc, char **argv);

/* show.c: files that are read. */
int show_list(const struct settings *settings, int argc, char **argv);
int show_run(const struct settings *settings, int argc, char **argv);

/* watch.c: events. */
int watch_run(const struct settings *settings, int argc, char **argv);

/* dump.c */
int dump_run(const struct settings *settings, int argc, char **argv);

#endif /* REMOTEFSCTL_H */
