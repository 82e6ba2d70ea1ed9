// SPDX-License-Identifier: GPL-2.0-only
/*
 * remotefs: the tracepoints of trace.h, made here.
 *
 * Copyright (C) 2026 The remotefs authors
 */
#include "internal.h"

#define CREATE_TRACE_POINTS
#include "trace.h"
