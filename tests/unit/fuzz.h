/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What fuzzers of parsers share.
 *
 * Copyright (C) 2026 The remotefs authors
 *
 * A fuzzer has seeds, pieces to damage them with, and fuzz_one(), which says
 * whether a text was treated soundly.  `make fuzz-parsers` compiles it with
 * -DLIBFUZZER, and libFuzzer makes up the texts; here they are made up from the
 * seeds, by numbers that are the same in every run.
 */
#ifndef FUZZ_H
#define FUZZ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "tap.h"

#define FUZZ_TEXT_SIZE 4096

static bool fuzz_one(const char *text, size_t length);

#ifdef LIBFUZZER

int LLVMFuzzerTestOneInput(const uint8_t *text, size_t length);

int LLVMFuzzerTestOneInput(const uint8_t *text, size_t length)
{
	/* With its own end, so that a sanitizer sees what is read behind it. */
	if (!fuzz_one((const char *)text, length))
		abort();
	return 0;
}

#else

struct fuzz {
	const char *const *seeds;
	size_t nr_seeds;
	const char *pieces;
	size_t nr_pieces;
	unsigned int rounds;
};

/* xorshift64 */
static uint64_t fuzz_random(void)
{
	static uint64_t state = 0x72656d6f74656673;

	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return state;
}

static size_t fuzz_text(const struct fuzz *fuzz, char text[FUZZ_TEXT_SIZE])
{
	const char *seed = fuzz->seeds[fuzz_random() % fuzz->nr_seeds];
	size_t length = strlen(seed);

	memcpy(text, seed, length);
	for (unsigned int changes = fuzz_random() % 4; changes; changes--) {
		size_t at = fuzz_random() % (length + 1);

		if (at == length || fuzz_random() % 2) {
			memmove(text + at + 1, text + at, length - at);
			length++;
		}
		text[at] = fuzz->pieces[fuzz_random() % fuzz->nr_pieces];
	}
	return length;
}

/* Each text is in memory of its own, which ends where the text does. */
static bool fuzz_round(const struct fuzz *fuzz)
{
	char text[FUZZ_TEXT_SIZE];
	size_t length = fuzz_text(fuzz, text);
	char *copy = malloc(length ? length : 1);
	bool sound;

	if (!copy)
		return false;
	memcpy(copy, text, length);
	sound = fuzz_one(copy, length);
	if (!sound)
		printf("# %.*s\n", (int)strcspn(text, "\n"), text);
	free(copy);
	return sound;
}

static int fuzz_run(const struct fuzz *fuzz, const char *what)
{
	unsigned int failures = 0;

	for (unsigned int i = 0; i < fuzz->rounds; i++)
		failures += !fuzz_round(fuzz);
	tap(!failures, "%u damaged %s give sound results or sentences", fuzz->rounds, what);
	return tap_done();
}

#endif /* LIBFUZZER */
#endif /* FUZZ_H */
