/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What a string of mount options asks for.
 *
 * Copyright (C) 2026 The remotefs authors
 */
#ifndef MOUNT_OPTIONS_H
#define MOUNT_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A parameter for the kernel; a flag such as "ro" has no value. */
struct parameter {
	const char *key;
	const char *value;
	char number[12];		/* the value, if it was a name */
};

/*
 * Every word of an option string ends in one of three places: the attributes
 * of the mount, the parameters of the filesystem, or nowhere because it is
 * meant for other programs that read fstab.
 */
struct mount_options {
	uint64_t attr_set;		/* MOUNT_ATTR_*, as mount_setattr(2) */
	uint64_t attr_clr;
	bool remount;
	struct parameter *parameters;
	size_t nr_parameters;
	char *text;			/* what the parameters point into */
};

int options_parse(struct mount_options *options, const char *text);
const struct parameter *options_resolve(struct mount_options *options);
void options_free(struct mount_options *options);
bool parameter_is_ours(const struct parameter *parameter);

#endif /* MOUNT_OPTIONS_H */
