// SPDX-License-Identifier: GPL-2.0-only
/*
 * The nodes of the control tree: what there is, and what its numbers mean.
 *
 * Copyright (C) 2026 The remotefs authors
 *
 *	/ctl /ranges /version		/PID/ctl /PID/status /PID/maps
 *
 * A node's number holds all there is to know of it: serial, PID, kind.  So
 * nothing needs to be remembered for one, nor forgotten.
 */
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "remotefsd.h"

#define KIND_BITS	4
#define PID_BITS	28	/* the kernel's PIDs need 22 */
#define STEADY_BITS	(KIND_BITS + PID_BITS)
#define PID_MAX		((1 << PID_BITS) - 1)

const struct node nodes[NR_NODES] = {
	[NODE_ROOT]		= { NULL,	S_IFDIR | 0555, 0,		NULL },
	[NODE_PROCESS]		= { NULL,	S_IFDIR | 0555, NODE_ROOT,	NULL },
	[NODE_CTL]		= { "ctl",	S_IFREG | 0666, NODE_ROOT,	NULL },
	[NODE_RANGES]		= { "ranges",	S_IFREG | 0444, NODE_ROOT,	listing_ranges },
	[NODE_VERSION]		= { "version",	S_IFREG | 0444, NODE_ROOT,	listing_version },
	[NODE_PROCESS_CTL]	= { "ctl",	S_IFREG | 0666, NODE_PROCESS,	NULL },
	[NODE_STATUS]		= { "status",	S_IFREG | 0444, NODE_PROCESS,	listing_status },
	[NODE_MAPS]		= { "maps",	S_IFREG | 0444, NODE_PROCESS,	listing_maps },
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

/**
 * node_takes_commands - whether it is a ctl
 * @number:	the node's number
 */
bool node_takes_commands(uint64_t number)
{
	return node_kind(number) == NODE_CTL || node_kind(number) == NODE_PROCESS_CTL;
}

/**
 * node_fresh - the number under which a look-up shows a node to the kernel
 * @number:	its number
 * @serial:	counts look-ups
 *
 * The kernel lets one write to a node through at a time.  Every look-up of a
 * ctl gives a node of its own, so that a command which has to wait for its
 * source holds up nobody else's.  What stat(2) shows stays the same.
 */
uint64_t node_fresh(uint64_t number, uint32_t *serial)
{
	if (!node_takes_commands(number))
		return number;
	return number | (uint64_t)++*serial << STEADY_BITS;
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
		.st_ino = number & ((1ULL << STEADY_BITS) - 1),
		.st_mode = mode,
		.st_nlink = S_ISDIR(mode) ? 2 : 1,
		.st_atim = started,
		.st_mtim = started,
		.st_ctim = started,
	};
}

/**
 * node_find - what a name in a directory stands for
 * @parent:	the directory
 * @name:	the name
 *
 * Return: the number of a node, which need not exist if it belongs to a
 * process, or 0 if there can be none.
 */
uint64_t node_find(uint64_t parent, const char *name)
{
	pid_t pid;

	for (int kind = NODE_CTL; kind < NR_NODES; kind++)
		if (nodes[kind].parent == node_kind(parent) && !strcmp(nodes[kind].name, name))
			return node_number(kind, node_pid(parent));
	if (parent == NODE_ROOT && command_parse_pid(name, &pid) && pid <= PID_MAX)
		return node_number(NODE_PROCESS, pid);
	return 0;
}

/**
 * node_exists - whether there is such a node now
 * @number:	its number
 * @data:	the path of the data tree
 *
 * The directory of a process lasts as long as the one in the data tree.
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
	exists = tree_has_process(tree, node_pid(number));
	close(tree);
	return exists;
}
