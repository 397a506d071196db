/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Where events come from. The live source is in src/probe; tests script their own.
 */
#ifndef LOOPSTALL_STREAM_SOURCE_H
#define LOOPSTALL_STREAM_SOURCE_H

#include "stream/event.h"

/* Returns 0 to go on, or -errno, which ends the drain and is handed to its caller. */
typedef int (*event_fn)(void *ctx, const struct event *event);

#endif
