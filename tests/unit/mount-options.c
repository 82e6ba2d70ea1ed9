// SPDX-License-Identifier: GPL-2.0-only
/*
 * Where each word of a mount option string ends up.
 *
 * Copyright (C) 2026 The remotefs authors
 */
/* Links: mount-helper/options.c */
#include <string.h>
#include <sys/mount.h>

#include "options.h"
#include "tap.h"

static const struct row {
	const char *text;
	uint64_t set;
	uint64_t clr;
	const char *parameters;		/* "key=value key " */
} rows[] = {
	{ "", 0, 0, "" },
	{ "defaults,max_maps=100", 0, 0, "max_maps=100 " },
	{ "ro", MOUNT_ATTR_RDONLY, 0, "ro " },
	{ "rw", 0, MOUNT_ATTR_RDONLY, "rw " },
	{ "nosuid,nodev,noexec", MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC, 0, "" },
	{ "nosuid,suid", 0, MOUNT_ATTR_NOSUID, "" },
	{ "noatime", MOUNT_ATTR_NOATIME, MOUNT_ATTR__ATIME, "" },
	{ "noatime,strictatime", MOUNT_ATTR_STRICTATIME, MOUNT_ATTR__ATIME, "" },
	{ "noatime,relatime", 0, MOUNT_ATTR__ATIME, "" },
	{ "nodiratime,nosymfollow", MOUNT_ATTR_NODIRATIME | MOUNT_ATTR_NOSYMFOLLOW, 0, "" },
	{ "noauto,auto,_netdev,nofail,user,users,owner,group,nouser", 0, 0, "" },
	{ "comment=a b,x-systemd.automount,X-mount.mkdir=0755,user=joe", 0, 0, "" },
	{ "uid=1,gid=2,mode=0711,control_mode=0660,control_gid=3,max_ranges=4", 0, 0,
	  "uid=1 gid=2 mode=0711 control_mode=0660 control_gid=3 max_ranges=4 " },
	{ "max_user_maps=5,max_user_ranges=6", 0, 0, "max_user_maps=5 max_user_ranges=6 " },
	{ "max_watches=7,max_user_watches=8", 0, 0, "max_watches=7 max_user_watches=8 " },
	{ "foo,bar=baz", 0, 0, "foo bar=baz " },
	{ "sync,lazytime", 0, 0, "sync lazytime " },
	{ ",,mode=0700,,", 0, 0, "mode=0700 " },
	{ "mode=", 0, 0, "mode= " },
	{ "mode==0700", 0, 0, "mode==0700 " },
	{ "context=\"u:r:t:s0:c1,c2\",ro", MOUNT_ATTR_RDONLY, 0, "context=u:r:t:s0:c1,c2 ro " },
	{ "context=\"a,b", 0, 0, "context=a,b " },
	{ "uid=root,gid=root,control_gid=root", 0, 0, "uid=0 gid=0 control_gid=0 " },
	{ "mode=root", 0, 0, "mode=root " },
};

static void print_parameters(const struct mount_options *options, char *to, size_t size)
{
	FILE *out = fmemopen(to, size, "w");

	for (size_t i = 0; i < options->nr_parameters; i++) {
		const struct parameter *parameter = &options->parameters[i];

		fprintf(out, "%s%s%s ", parameter->key, parameter->value ? "=" : "",
			parameter->value ? parameter->value : "");
	}
	fputc('\0', out);
	fclose(out);
}

static void test_row(const struct row *row)
{
	struct mount_options options = { 0 };
	char parameters[256] = "";
	bool good;

	good = !options_parse(&options, row->text) && !options_resolve(&options);
	print_parameters(&options, parameters, sizeof(parameters));
	tap(good && options.attr_set == row->set && options.attr_clr == row->clr &&
	    !options.remount && !strcmp(parameters, row->parameters),
	    "'%s' passes on '%s'", row->text, parameters);
	options_free(&options);
}

static void test_unknown(const char *text, const char *key)
{
	struct mount_options options = { 0 };
	const struct parameter *unknown;
	int error = options_parse(&options, text);

	unknown = options_resolve(&options);
	tap(!error && unknown && !strcmp(unknown->key, key), "'%s' names nobody", text);
	options_free(&options);
}

static void test_remount(void)
{
	struct mount_options options = { 0 };
	int error = options_parse(&options, "remount,ro");

	tap(!error && options.remount && options.nr_parameters == 1,
	    "remount is kept from the kernel");
	options_free(&options);
}

static void test_ours(void)
{
	const struct parameter ours = { .key = "max_maps" };
	const struct parameter user = { .key = "max_user_ranges" };
	const struct parameter watches = { .key = "max_watches" };
	const struct parameter other = { .key = "max_map" };

	tap(parameter_is_ours(&ours), "max_maps is a parameter known here");
	tap(parameter_is_ours(&user), "max_user_ranges is, too");
	tap(parameter_is_ours(&watches), "and so is max_watches");
	tap(!parameter_is_ours(&other), "max_map is not");
}

int main(void)
{
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++)
		test_row(&rows[i]);
	test_unknown("uid=nonesuch-x", "uid");
	test_unknown("ro,gid=nonesuch-x", "gid");
	test_unknown("control_gid=nonesuch-x", "control_gid");
	test_remount();
	test_ours();
	return tap_done();
}
