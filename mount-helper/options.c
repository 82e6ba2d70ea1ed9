// SPDX-License-Identifier: GPL-2.0-only
/*
 * Sorting of mount options: attributes, parameters, and what is not ours.
 *
 * Copyright (C) 2026 The remotefs authors
 *
 * The kernel is the one that knows the filesystem's parameters.  Whatever is
 * not named here is handed to it as it stands, so that this program need not
 * change when the kernel learns a parameter.
 */
#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>

#include "options.h"

struct attribute {
	const char *name;
	uint64_t set;
	uint64_t clr;
};

/* Access times are one field of several values: clear all of it, then set. */
static const struct attribute attributes[] = {
	{ "ro",			MOUNT_ATTR_RDONLY, 0 },
	{ "rw",			0, MOUNT_ATTR_RDONLY },
	{ "nosuid",		MOUNT_ATTR_NOSUID, 0 },
	{ "suid",		0, MOUNT_ATTR_NOSUID },
	{ "nodev",		MOUNT_ATTR_NODEV, 0 },
	{ "dev",		0, MOUNT_ATTR_NODEV },
	{ "noexec",		MOUNT_ATTR_NOEXEC, 0 },
	{ "exec",		0, MOUNT_ATTR_NOEXEC },
	{ "noatime",		MOUNT_ATTR_NOATIME, MOUNT_ATTR__ATIME },
	{ "atime",		MOUNT_ATTR_RELATIME, MOUNT_ATTR__ATIME },
	{ "relatime",		MOUNT_ATTR_RELATIME, MOUNT_ATTR__ATIME },
	{ "norelatime",		MOUNT_ATTR_RELATIME, MOUNT_ATTR__ATIME },
	{ "strictatime",	MOUNT_ATTR_STRICTATIME, MOUNT_ATTR__ATIME },
	{ "nostrictatime",	MOUNT_ATTR_RELATIME, MOUNT_ATTR__ATIME },
	{ "nodiratime",		MOUNT_ATTR_NODIRATIME, 0 },
	{ "diratime",		0, MOUNT_ATTR_NODIRATIME },
	{ "nosymfollow",	MOUNT_ATTR_NOSYMFOLLOW, 0 },
	{ "symfollow",		0, MOUNT_ATTR_NOSYMFOLLOW },
};

/* For mount(8), systemd and the boot scripts; no concern of the kernel. */
static const char *const foreign_words[] = {
	"defaults", "auto", "noauto", "nofail", "_netdev", "silent", "loud",
	"user", "nouser", "users", "owner", "noowner", "group", "nogroup",
};

static const char *const foreign_prefixes[] = {
	"comment=", "x-", "X-", "user=", "helper=", "uhelper=",
};

static bool option_is_foreign(const char *option)
{
	size_t i;

	for (i = 0; i < sizeof(foreign_words) / sizeof(*foreign_words); i++)
		if (!strcmp(option, foreign_words[i]))
			return true;
	for (i = 0; i < sizeof(foreign_prefixes) / sizeof(*foreign_prefixes); i++)
		if (!strncmp(option, foreign_prefixes[i], strlen(foreign_prefixes[i])))
			return true;
	return false;
}

static bool apply_attribute(struct mount_options *options, const char *option)
{
	for (size_t i = 0; i < sizeof(attributes) / sizeof(*attributes); i++) {
		const struct attribute *attribute = &attributes[i];

		if (strcmp(option, attribute->name))
			continue;
		options->attr_set &= ~attribute->clr;
		options->attr_set |= attribute->set;
		options->attr_clr |= attribute->clr;
		return true;
	}
	return false;
}

static void add_parameter(struct mount_options *options, char *option)
{
	struct parameter *parameter = &options->parameters[options->nr_parameters++];
	char *equals = strchr(option, '=');

	parameter->key = option;
	parameter->value = NULL;
	if (equals) {
		*equals = '\0';
		parameter->value = equals + 1;
	}
}

static void sort_option(struct mount_options *options, char *option)
{
	bool is_attribute = apply_attribute(options, option);

	if (!strcmp(option, "remount"))
		options->remount = true;
	/* As mount(2) has it, ro and rw are said of mount and filesystem alike. */
	else if (!strcmp(option, "ro") || !strcmp(option, "rw"))
		add_parameter(options, option);
	else if (!is_attribute && !option_is_foreign(option))
		add_parameter(options, option);
}

/*
 * Ends the option at @option and returns the start of the next one, or NULL.
 * A comma between double quotes is part of a value, the quotes are not: that
 * is how mount(8) hands on SELinux contexts.
 */
static char *end_option(char *option)
{
	char *to = option;
	bool quoted = false;
	char *from;

	for (from = option; *from && (quoted || *from != ','); from++) {
		if (*from == '"')
			quoted = !quoted;
		else
			*to++ = *from;
	}
	from = *from ? from + 1 : NULL;
	*to = '\0';
	return from;
}

static size_t count_commas(const char *text)
{
	size_t count = 0;

	while ((text = strchr(text, ','))) {
		count++;
		text++;
	}
	return count;
}

/**
 * options_parse - sort the words of one -o argument
 * @options:	the result, to be freed with options_free()
 * @text:	comma-separated options
 *
 * Later words win over earlier ones.
 *
 * Return: 0, or ENOMEM.
 */
int options_parse(struct mount_options *options, const char *text)
{
	char *option = strdup(text);
	char *next;

	options->text = option;
	options->parameters = calloc(count_commas(text) + 1, sizeof(*options->parameters));
	if (!option || !options->parameters)
		return ENOMEM;
	for (; option; option = next) {
		next = end_option(option);
		if (*option)
			sort_option(options, option);
	}
	return 0;
}

/**
 * options_free - give back what options_parse() took
 * @options:	the result of options_parse(), whether it failed or not
 */
void options_free(struct mount_options *options)
{
	free(options->parameters);
	free(options->text);
	*options = (struct mount_options){ 0 };
}

static bool parameter_is_id(const struct parameter *parameter)
{
	return !strcmp(parameter->key, "uid") || !strcmp(parameter->key, "gid") ||
	       !strcmp(parameter->key, "control_gid");
}

/**
 * parameter_is_ours - whether this program knows the parameter's name
 * @parameter:	one parameter
 *
 * Used only to tell a bad value from an unknown name when unknown names are to
 * be tolerated.
 */
bool parameter_is_ours(const struct parameter *parameter)
{
	static const char *const names[] = {
		"ro", "rw", "uid", "gid", "mode", "control_mode", "control_gid",
		"max_ranges", "max_maps", "max_watches",
		"max_user_ranges", "max_user_maps", "max_user_watches",
	};

	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
		if (!strcmp(parameter->key, names[i]))
			return true;
	return false;
}

static bool parameter_is_number(const struct parameter *parameter)
{
	return !parameter->value[strspn(parameter->value, "0123456789")];
}

/* Returns false if the parameter names somebody whom nobody knows. */
static bool resolve_name(struct parameter *parameter)
{
	const struct passwd *user = NULL;
	const struct group *group = NULL;

	if (!strcmp(parameter->key, "uid"))
		user = getpwnam(parameter->value);
	else
		group = getgrnam(parameter->value);
	if (!user && !group)
		return false;
	snprintf(parameter->number, sizeof(parameter->number), "%u",
		 user ? user->pw_uid : group->gr_gid);
	parameter->value = parameter->number;
	return true;
}

/**
 * options_resolve - put numbers for the names of users and groups
 * @options:	the result of options_parse()
 *
 * Return: NULL, or the parameter whose user or group is unknown.
 */
const struct parameter *options_resolve(struct mount_options *options)
{
	for (size_t i = 0; i < options->nr_parameters; i++) {
		struct parameter *parameter = &options->parameters[i];

		if (!parameter->value || !parameter_is_id(parameter))
			continue;
		if (!parameter_is_number(parameter) && !resolve_name(parameter))
			return parameter;
	}
	return NULL;
}
