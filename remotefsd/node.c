// SPDX-License-Identifier: GPL-2.0-only
/*
 * The nodes of the control tree: what there is, and what its numbers mean.
 *
 * Copyright (C) 2026 The remotefs authors
 *
 *	/ctl /ranges /stats /version
 *	/PID/ctl /PID/status /PID/maps /PID/core /PID/by-addr/START-END-LABEL
 *	/PID/map-N/ctl /PID/map-N/info
 *
 * A node's number holds all there is to know of it: serial, map file, PID,
 * kind.  So nothing needs to be remembered for one, nor forgotten.
 */
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <linux/remotefs.h>

#include "remotefsd.h"

#define KIND_BITS	5
#define PID_BITS	22	/* as many as the kernel's PIDs need */
#define MAP_BITS	24
#define PID_MAX		((1U << PID_BITS) - 1)
/* Stands for "as".  Map files whose number is as high or higher have no node. */
#define MAP_MAX		((1U << MAP_BITS) - 1)

const struct node nodes[NR_NODES] = {
	[NODE_ROOT]		= { NULL,	S_IFDIR | 0555, 0,		NULL },
	[NODE_PROCESS]		= { NULL,	S_IFDIR | 0555, NODE_ROOT,	NULL },
	[NODE_MAP]		= { NULL,	S_IFDIR | 0555, NODE_PROCESS,	NULL },
	[NODE_BY_ADDR]		= { "by-addr",	S_IFDIR | 0555, NODE_PROCESS,	listing_by_addr },
	[NODE_LINK]		= { NULL,	S_IFLNK | 0777, NODE_BY_ADDR,	NULL },
	[NODE_CTL]		= { "ctl",	S_IFREG | 0666, NODE_ROOT,	NULL },
	[NODE_RANGES]		= { "ranges",	S_IFREG | 0444, NODE_ROOT,	listing_ranges },
	[NODE_STATS]		= { "stats",	S_IFREG | 0444, NODE_ROOT,	listing_stats },
	[NODE_VERSION]		= { "version",	S_IFREG | 0444, NODE_ROOT,	listing_version },
	[NODE_PROCESS_CTL]	= { "ctl",	S_IFREG | 0666, NODE_PROCESS,	NULL },
	[NODE_STATUS]		= { "status",	S_IFREG | 0444, NODE_PROCESS,	listing_status },
	[NODE_MAPS]		= { "maps",	S_IFREG | 0444, NODE_PROCESS,	listing_maps },
	[NODE_CORE]		= { "core",	S_IFREG | 0444, NODE_PROCESS,	NULL },
	[NODE_EVENTS]		= { "events",	S_IFREG | 0444, NODE_ROOT,	NULL },
	[NODE_MAP_CTL]		= { "ctl",	S_IFREG | 0666, NODE_MAP,	NULL },
	[NODE_INFO]		= { "info",	S_IFREG | 0444, NODE_MAP,	listing_info },
	[NODE_MAP_EVENTS]	= { "events",	S_IFREG | 0444, NODE_MAP,	NULL },
};

/**
 * node_number - the number of a node, without a serial
 * @kind:	what it is
 * @pid:	the process it belongs to, or 0
 */
uint64_t node_number(enum node_kind kind, pid_t pid)
{
	return (uint64_t)pid << KIND_BITS | kind;
}

/**
 * node_map_number - the number of a node that belongs to a map file
 * @kind:	what it is
 * @pid:	the map file's process
 * @map:	the map file's number
 *
 * Return: the number, or 0 if there can be none.
 */
uint64_t node_map_number(enum node_kind kind, pid_t pid, uint32_t map)
{
	if (map == REMOTEFS_MAP_AS)
		map = MAP_MAX;
	else if (map >= MAP_MAX)
		return 0;
	return (uint64_t)map << (PID_BITS + KIND_BITS) | node_number(kind, pid);
}

/**
 * node_kind - what a node is
 * @number:	its number
 */
enum node_kind node_kind(uint64_t number)
{
	return number & ((1 << KIND_BITS) - 1);
}

/**
 * node_pid - the process that a node belongs to, or 0
 * @number:	its number
 */
pid_t node_pid(uint64_t number)
{
	return number >> KIND_BITS & PID_MAX;
}

static bool has_map(uint64_t number)
{
	enum node_kind kind = node_kind(number);

	return kind == NODE_MAP || kind == NODE_LINK || nodes[kind].parent == NODE_MAP;
}

/**
 * node_map - the map file that a node belongs to
 * @number:	its number
 *
 * Return: its number, or 0 if the node belongs to none.
 */
uint32_t node_map(uint64_t number)
{
	uint32_t map = number >> (PID_BITS + KIND_BITS) & MAP_MAX;

	if (!has_map(number))
		return 0;
	return map == MAP_MAX ? REMOTEFS_MAP_AS : map;
}

/**
 * node_takes_commands - whether it is a ctl
 * @number:	the node's number
 */
bool node_takes_commands(uint64_t number)
{
	enum node_kind kind = node_kind(number);

	return kind == NODE_CTL || kind == NODE_PROCESS_CTL || kind == NODE_MAP_CTL;
}

/**
 * node_has_events - whether it is an events
 * @number:	the node's number
 */
bool node_has_events(uint64_t number)
{
	return node_kind(number) == NODE_EVENTS || node_kind(number) == NODE_MAP_EVENTS;
}

/* How many bits of a number stay the same for the same thing. */
static unsigned int steady_bits(uint64_t number)
{
	return KIND_BITS + PID_BITS + (has_map(number) ? MAP_BITS : 0);
}

/**
 * node_fresh - the number under which a look-up shows a node to the kernel
 * @number:	its number
 * @serial:	counts look-ups
 *
 * The kernel lets one write to a node through at a time.  Every look-up of a
 * ctl gives a node of its own, so that a command which has to wait for its
 * source holds up nobody else's.  (Serials come again, after 8192 look-ups of a
 * map file's; two that meet then wait for each other, and that is all.)  What
 * stat(2) shows stays the same.
 */
uint64_t node_fresh(uint64_t number, uint64_t *serial)
{
	if (!node_takes_commands(number) && !node_has_events(number))
		return number;
	return number | ++*serial << steady_bits(number);
}

/**
 * node_stat - what stat(2) shows of a node
 * @number:	its number
 * @started:	since when the daemon has been running
 * @st:		the result
 */
void node_stat(uint64_t number, struct timespec started, struct stat *st)
{
	mode_t mode = nodes[node_kind(number)].mode;

	*st = (struct stat){
		.st_ino = number & ((1ULL << steady_bits(number)) - 1),
		.st_mode = mode,
		.st_nlink = S_ISDIR(mode) ? 2 : 1,
		.st_atim = started,
		.st_mtim = started,
		.st_ctim = started,
	};
}

static uint64_t number_like(enum node_kind kind, uint64_t parent)
{
	if (node_kind(parent) == NODE_MAP)
		return node_map_number(kind, node_pid(parent), node_map(parent));
	return node_number(kind, node_pid(parent));
}

/**
 * node_find - what a name in a directory stands for
 * @parent:	the directory, which is not by-addr
 * @name:	the name
 *
 * Return: the number of a node, which need not exist if it belongs to a
 * process, or 0 if there can be none.
 */
uint64_t node_find(uint64_t parent, const char *name)
{
	uint32_t map;
	pid_t pid;

	for (int kind = NODE_BY_ADDR; kind < NR_NODES; kind++)
		if (nodes[kind].name && nodes[kind].parent == node_kind(parent) &&
		    !strcmp(nodes[kind].name, name))
			return number_like(kind, parent);
	if (parent == NODE_ROOT && word_parse_pid(name, &pid) && (unsigned int)pid <= PID_MAX)
		return node_number(NODE_PROCESS, pid);
	if (node_kind(parent) == NODE_PROCESS && word_parse_map(name, &map))
		return node_map_number(NODE_MAP, node_pid(parent), map);
	return 0;
}

static bool exists_in(int tree, uint64_t number)
{
	struct map_file unused;

	if (has_map(number))
		return !tree_file(tree, node_pid(number), node_map(number), &unused);
	return tree_has_process(tree, node_pid(number));
}

/**
 * node_exists - whether there is such a node now
 * @number:	its number
 * @data:	the path of the data tree
 *
 * The directory of a process lasts as long as the one in the data tree, and
 * that of a map file as long as the map file.
 */
bool node_exists(uint64_t number, const char *data)
{
	struct complaint unused;
	bool exists;
	int tree;

	if (!node_pid(number))
		return true;
	tree = kernel_open_tree(data, &unused);
	if (tree < 0)
		return false;
	exists = exists_in(tree, number);
	close(tree);
	return exists;
}
