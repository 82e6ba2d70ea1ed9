// SPDX-License-Identifier: GPL-2.0-only
/*
 * Who did what: one record in the journal for each create, change, revoke,
 * open of a ctl, and denial.
 *
 * Copyright (C) 2026 The remotefs authors
 *
 * A record has fields that can be searched for (REMOTEFS_UID=1000) and a
 * sentence.  Where no journal listens, it goes to syslog, and else to standard
 * error, as the sentence with the fields behind it.
 *
 * Each user has two allowances: a small one for opens and denials, which cost
 * nothing to provoke, and a large one for what was really done.  So nobody can
 * hide the latter by a flood of the former.  The allowances are in memory that
 * the daemon's children share.  A record that is allowed after others were not
 * says how many.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <syslog.h>
#include <unistd.h>

#include "remotefsd.h"

#define NR_ALLOWANCES 512
#define NANOSECONDS 1000000000ULL

/* How many at once, and how long until the next is allowed. */
static const struct pace {
	uint64_t burst;
	uint64_t interval;
} paces[] = {
	{ 100, NANOSECONDS / 10 },	/* opens and denials */
	{ 5000, NANOSECONDS / 100 },	/* deeds */
};

struct allowance {
	uint64_t paid;			/* until when, in monotonic nanoseconds */
	uint32_t suppressed;
};

static struct allowance *allowances;

/* The IDs are for journalctl(1) and for catalogs of messages. */
static const struct event {
	const char *name;
	const char *id;
	int level;
	unsigned int pace;
} events[NR_RECORD_EVENTS] = {
	[RECORD_CREATE]	= { "create", "7d0c3c1f5b8e4a0c9a5f9e1b3c6d2a41", LOG_NOTICE, 1 },
	[RECORD_CHANGE]	= { "change", "7d0c3c1f5b8e4a0c9a5f9e1b3c6d2a42", LOG_NOTICE, 1 },
	[RECORD_REVOKE]	= { "revoke", "7d0c3c1f5b8e4a0c9a5f9e1b3c6d2a43", LOG_NOTICE, 1 },
	[RECORD_OPEN]	= { "open", "7d0c3c1f5b8e4a0c9a5f9e1b3c6d2a44", LOG_INFO, 0 },
	[RECORD_DENIED]	= { "denied", "7d0c3c1f5b8e4a0c9a5f9e1b3c6d2a45", LOG_NOTICE, 0 },
};

/**
 * record_init - make what counts records
 *
 * Return: 0, or an errno value.
 */
int record_init(void)
{
	void *memory = mmap(NULL, NR_ALLOWANCES * sizeof(*allowances), PROT_READ | PROT_WRITE,
			    MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	if (memory == MAP_FAILED)
		return errno;
	allowances = memory;
	return 0;
}

static uint64_t now_in_nanoseconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * NANOSECONDS + now.tv_nsec;
}

/* Two users may share an allowance; then they share it. */
static struct allowance *find_allowance(uid_t uid, unsigned int pace)
{
	return &allowances[(uid * 2 + pace) % NR_ALLOWANCES];
}

static bool spend(struct allowance *allowance, const struct pace *pace)
{
	uint64_t now = now_in_nanoseconds();
	uint64_t paid = __atomic_load_n(&allowance->paid, __ATOMIC_RELAXED);
	uint64_t next;

	do {
		next = (paid > now ? paid : now) + pace->interval;
		if (next - now > pace->burst * pace->interval)
			return false;
	} while (!__atomic_compare_exchange_n(&allowance->paid, &paid, next, false,
					      __ATOMIC_RELAXED, __ATOMIC_RELAXED));
	return true;
}

static void write_sentence(FILE *out, const struct record *record)
{
	const struct identity *requester = record->requester;

	if (record->event == RECORD_DENIED && record->pid)
		fprintf(out, "denied: %s of process %d", record->verb, record->pid);
	else if (record->event == RECORD_DENIED)
		fputs("denied: a control file", out);
	else if (record->event == RECORD_OPEN)
		fputs("opened a control file", out);
	else if (record->file)
		fprintf(out, "%s: %s", record->verb, record->file);
	else
		fprintf(out, "%s: process %d", record->verb, record->pid);
	if (record->range && *record->range)
		fprintf(out, " (%s)", record->range);
	fprintf(out, " %s uid %u, process %d", record->event == RECORD_DENIED ? "to" : "by",
		requester->uid, requester->tgid);
	if (record->sentence)
		fprintf(out, ": %s", record->sentence);
}

/* @format is how a field is written: for the journal, or behind a sentence. */
static void write_fields(FILE *out, const char *format, const struct record *record,
			 uint32_t suppressed)
{
	const struct {
		const char *name;
		const char *text;	/* or NULL: the number */
		long number;
		bool given;
	} fields[] = {
		{ "EVENT", events[record->event].name, 0, true },
		{ "UID", NULL, record->requester->uid, true },
		{ "REQUESTER_PID", NULL, record->requester->tgid, true },
		{ "SOURCE_PID", NULL, record->pid, record->pid },
		{ "FILE", record->file, 0, record->file },
		{ "RANGE", record->range, 0, record->range && *record->range },
		{ "COMMAND", record->verb, 0, record->verb },
		{ "ERRNO", strerrorname_np(record->error), 0, record->error },
		{ "SUPPRESSED", NULL, suppressed, suppressed },
	};
	char number[24];

	for (size_t i = 0; i < sizeof(fields) / sizeof(*fields); i++) {
		if (!fields[i].given)
			continue;
		snprintf(number, sizeof(number), "%ld", fields[i].number);
		fprintf(out, format, fields[i].name, fields[i].text ? fields[i].text : number);
	}
}

/* The daemon's loop records opens and denials; it does not wait. */
static int record_flags(const struct event *event)
{
	return event->pace ? 0 : MSG_DONTWAIT;
}

/* One field a line: no value has a newline. */
static bool send_to_journal(const struct record *record, uint32_t suppressed)
{
	const struct event *event = &events[record->event];
	char *text = NULL;
	size_t length = 0;
	FILE *out = open_memstream(&text, &length);
	bool sent;

	if (!out)
		return false;
	fputs("MESSAGE=", out);
	write_sentence(out, record);
	fprintf(out, "\nMESSAGE_ID=%s\nPRIORITY=%d\nSYSLOG_IDENTIFIER=remotefsd\n", event->id,
		event->level);
	write_fields(out, "REMOTEFS_%s=%s\n", record, suppressed);
	sent = !fclose(out) && journal_send(text, length, record_flags(event));
	free(text);
	return sent;
}

static void send_as_text(const struct record *record, uint32_t suppressed)
{
	const struct event *event = &events[record->event];
	char *text = NULL;
	size_t length = 0;
	FILE *out = open_memstream(&text, &length);

	if (!out)
		return;
	write_sentence(out, record);
	fputs(" [", out);
	write_fields(out, " %s=\"%s\"", record, suppressed);
	fputs(" ]", out);
	if (fclose(out))
		return;
	if (!journal_send_line(LOG_AUTHPRIV | event->level, text, record_flags(event)))
		journal_log(event->level, "%s", text);
	free(text);
}

/**
 * record_range - a part of a source, as text for a record
 * @range:	receives it
 * @start:	where it starts
 * @end:	where it ends
 * @rights:	"ro" or "rw", or NULL where it is not about these
 */
void record_range(char range[RECORD_RANGE_SIZE], uint64_t start, uint64_t end,
		  const char *rights)
{
	snprintf(range, RECORD_RANGE_SIZE, "0x%" PRIx64 "-0x%" PRIx64 "%s%s", start, end,
		 rights ? " " : "", rights ? rights : "");
}

/**
 * record_write - leave a record, unless its user has had too many
 * @record:	what is to be known
 */
void record_write(const struct record *record)
{
	unsigned int pace = events[record->event].pace;
	struct allowance *allowance = find_allowance(record->requester->uid, pace);
	uint32_t suppressed;

	if (!spend(allowance, &paces[pace])) {
		__atomic_add_fetch(&allowance->suppressed, 1, __ATOMIC_RELAXED);
		return;
	}
	suppressed = __atomic_exchange_n(&allowance->suppressed, 0, __ATOMIC_RELAXED);
	if (!send_to_journal(record, suppressed))
		send_as_text(record, suppressed);
}
