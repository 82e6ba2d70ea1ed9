/* SPDX-License-Identifier: GPL-2.0-only */
/* How the examples get their programs into the kernel, and wait. */
#ifndef ATTACH_H
#define ATTACH_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct bpf_object;

/*
 * object_open - find the object of this program: NAME.bpf.o, beside NAME
 *
 * Maps and constants may then be changed, until object_attach().  These and all
 * that follow end the program with a message if something fails.
 */
struct bpf_object *object_open(void);
void object_attach(struct bpf_object *object);
int object_map(struct bpf_object *object, const char *name);

/* What object_open() found out is in the way is told in full. */
void attach_be_verbose(void);

/* Ctrl-C ends the program in order. */
void catch_signals(void);
bool wait_seconds(unsigned int seconds);

/* Run a command and wait for it; its exit status. */
int run_command(char *argv[]);

/* st_dev as the kernel's tracepoints have it. */
uint32_t kernel_device(dev_t dev);

#endif
