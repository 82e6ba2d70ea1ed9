// SPDX-License-Identifier: GPL-2.0-only
/*
 * Whether a process is still the same program, from what /proc says of it.
 *
 * Copyright (C) 2026 The remotefs authors
 */
/* Links: remotefsd/life.c */
#include <unistd.h>

#include <linux/remotefs.h>

#include "life.h"
#include "tap.h"

#define STAT(name, state, flags) \
	"12 (" name ") " state " 1 12 12 34816 12 " flags " 1 2 3 4 5 6 7 8 20 0 1 0 4711" \
	" 1000 200 18446744073709551615 4194304 4196000 140737000000000 0 0 0 0 0 0 0 0 0 17\n"

static void test_parse(void)
{
	struct life life;

	tap(life_parse(STAT("sleep", "S", "4194304"), &life) && life.started == 4711 &&
	    life.code == 4194304 && life.stack == 140737000000000, "a process has its fields");
	tap(life_parse(STAT(") R 9 9", "S", "0"), &life) && life.started == 4711,
	    "whatever its name is");
	tap(!life_parse(STAT("sleep", "Z", "0"), &life), "a zombie has ended");
	tap(!life_parse(STAT("sleep", "R", "4194308"), &life), "so has one that is exiting");
	tap(!life_parse("12 (sleep) S 1", &life) && !life_parse("", &life),
	    "and what is cut short is not believed");
}

static void test_look(void)
{
	struct life life, other;

	tap(life_look(getpid(), &life) && life.started && life.code && life.stack,
	    "this process can be looked at");
	tap(life_ended(getpid(), &life) == REMOTEFS_GONE_UNKNOWN, "and is still itself");
	other = life;
	other.stack += 4096;
	tap(life_ended(getpid(), &other) == REMOTEFS_GONE_EXEC,
	    "with another stack it is another program");
	other = life;
	other.started++;
	tap(life_ended(getpid(), &other) == REMOTEFS_GONE_EXIT,
	    "having started at another time it is another process");
}

int main(void)
{
	test_parse();
	test_look();
	return tap_done();
}
