// SPDX-License-Identifier: GPL-2.0-only
/*
 * Words that commands, rules and names of files are made of.
 *
 * Copyright (C) 2026 The remotefs authors
 *
 * Numbers are digits and nothing else, so that no two spellings of a PID exist.
 */
#include <errno.h>
#include <limits.h>
#include <string.h>

#include <linux/remotefs.h>

#include "remotefsd.h"

static int digit_value(char digit)
{
	if (digit >= '0' && digit <= '9')
		return digit - '0';
	if (digit >= 'a' && digit <= 'f')
		return digit - 'a' + 10;
	if (digit >= 'A' && digit <= 'F')
		return digit - 'A' + 10;
	return INT_MAX;
}

static bool parse_digits(const char *text, unsigned int base, uint64_t max, uint64_t *value)
{
	uint64_t sum = 0;

	if (!*text)
		return false;
	for (; *text; text++) {
		unsigned int digit = digit_value(*text);

		if (digit >= base || digit > max || sum > (max - digit) / base)
			return false;
		sum = sum * base + digit;
	}
	*value = sum;
	return true;
}

/**
 * word_parse_number - a decimal number
 * @text:	digits, the first of them not 0 if there are more
 * @max:	what it may be at most
 * @value:	the number
 *
 * Return: false if it is anything else.
 */
bool word_parse_number(const char *text, uint64_t max, uint64_t *value)
{
	if (text[0] == '0' && text[1])
		return false;
	return parse_digits(text, 10, max, value);
}

/**
 * word_parse_address - a hexadecimal number
 * @text:	"0x" and digits
 * @address:	the number
 *
 * Return: false if it is anything else.
 */
bool word_parse_address(const char *text, uint64_t *address)
{
	return !strncmp(text, "0x", 2) && parse_digits(text + 2, 16, UINT64_MAX, address);
}

/**
 * word_parse_size - how much memory
 * @text:	a decimal number of bytes, or of more with K, M or G behind it
 * @size:	the bytes
 *
 * Return: false if it is anything else, or nothing.
 */
bool word_parse_size(const char *text, uint64_t *size)
{
	static const char units[] = "KMG";
	char digits[24];
	size_t length = strlen(text);
	const char *unit = length ? strchr(units, text[length - 1]) : NULL;
	unsigned int shift = unit ? 10 * (unit - units + 1) : 0;

	if (unit)
		length--;
	if (!length || length >= sizeof(digits))
		return false;
	memcpy(digits, text, length);
	digits[length] = '\0';
	if (!word_parse_number(digits, UINT64_MAX >> shift, size) || !*size)
		return false;
	*size <<= shift;
	return true;
}

/**
 * word_parse_pid - the only way in which text becomes a PID
 * @text:	digits
 * @pid:	the number
 *
 * Return: false if @text is anything but a positive decimal number.
 */
bool word_parse_pid(const char *text, pid_t *pid)
{
	uint64_t value;

	if (!word_parse_number(text, INT_MAX, &value) || !value)
		return false;
	*pid = value;
	return true;
}

/**
 * word_parse_map - the name of a map file
 * @text:	"map-N" or "as"
 * @map:	its number, as the kernel counts
 *
 * Return: false if it is no such name.
 */
bool word_parse_map(const char *text, uint32_t *map)
{
	uint64_t value;

	if (!strcmp(text, "as")) {
		*map = REMOTEFS_MAP_AS;
		return true;
	}
	if (strncmp(text, "map-", 4) || !word_parse_number(text + 4, REMOTEFS_MAP_AS - 1, &value))
		return false;
	*map = value;
	return true;
}

/**
 * word_parse_range - the name of a link to a map file
 * @text:	"0xSTART-0xEND", and perhaps "-" and a label
 * @start:	where the range starts
 * @end:	where it ends
 *
 * The label is for the reader; it says nothing that the addresses do not.
 *
 * Return: false if it is no such name.
 */
bool word_parse_range(const char *text, uint64_t *start, uint64_t *end)
{
	char copy[64];
	char *dash;
	char *label;

	snprintf(copy, sizeof(copy), "%s", text);
	dash = strchr(copy, '-');
	label = dash ? strchr(dash + 1, '-') : NULL;
	if (!dash)
		return false;
	*dash = '\0';
	if (label)
		*label = '\0';
	return word_parse_address(copy, start) && word_parse_address(dash + 1, end);
}

/**
 * word_parse_id - a user or group given as a number
 * @text:	digits
 * @id:		the number
 *
 * Return: false if it is not a number, or -1, which is nobody's.
 */
bool word_parse_id(const char *text, uint32_t *id)
{
	uint64_t value;

	if (!word_parse_number(text, UINT32_MAX - 1, &value))
		return false;
	*id = value;
	return true;
}

/**
 * word_parse_owner - USER:GROUP
 * @text:	the words
 * @user:	receives the first
 * @group:	receives the second
 * @why:	with an error, the sentence for the requester
 *
 * Return: 0, or EINVAL.
 */
int word_parse_owner(const char *text, char user[COMMAND_NAME_SIZE],
		     char group[COMMAND_NAME_SIZE], struct complaint *why)
{
	const char *colon = strchr(text, ':');
	size_t length = colon ? colon - text : 0;

	if (!length || !colon[1])
		return complain(why, EINVAL, "an owner is written USER:GROUP");
	if (length >= COMMAND_NAME_SIZE || strlen(colon + 1) >= COMMAND_NAME_SIZE)
		return complain(why, EINVAL, "the name of the owner is too long");
	memcpy(user, text, length);
	user[length] = '\0';
	strcpy(group, colon + 1);
	return 0;
}

/**
 * word_parse_mode - permissions
 * @text:	four octal digits
 * @mode:	the result
 * @why:	with an error, the sentence for the requester
 *
 * Return: 0, or EINVAL.
 */
int word_parse_mode(const char *text, mode_t *mode, struct complaint *why)
{
	uint64_t value;

	if (strlen(text) != 4 || *text != '0' || !parse_digits(text, 8, 0777, &value))
		return complain(why, EINVAL, "a mode is written as four octal digits, as 0440");
	if (!value || value & ~0666)
		return complain(why, EINVAL, "a mode is within 0666, and not zero");
	*mode = value;
	return 0;
}
