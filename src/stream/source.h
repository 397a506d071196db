/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The callback by which sources of events (src/probe, tests) deliver them.
 */
#ifndef LOOPSTALL_STREAM_SOURCE_H
#define LOOPSTALL_STREAM_SOURCE_H

#include "stream/event.h"

/* Returns 0 to continue, or -errno, which ends the drain and is returned to its caller. */
typedef int (*event_fn)(void *ctx, const struct event *event);

#endif
