/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A recording and the model it is played into, forwards, or backwards by playing it from the start.
 * Also the recording's own facts in the form that reports take.
 */
#ifndef LOOPSTALL_APP_REPLAY_H
#define LOOPSTALL_APP_REPLAY_H

#include <stdbool.h>
#include <stdint.h>

#include "app/cli.h"
#include "session/machine.h"
#include "base/err.h"
#include "base/time.h"
#include "model/light.h"
#include "model/model.h"
#include "report/report.h"

struct replay;

/*
 * Calls `on_stall` (NULL is allowed) for each stall that is played, each time it is. 0 or -errno
 * with err filled (see player__open()).
 */
int replay__open(struct replay **ret_replay, const char *path, stall_fn on_stall, void *ctx,
		 struct err *err);
/* The texts must outlive the replay. */
void replay__set_own(struct replay *r, const struct own_rules *rules);
void replay__free(struct replay *r);
static inline void replay__freep(struct replay **r)
{
	replay__free(*r);
}

/* How steps were measured: "auto", "exact", "light". */
const char *replay__mode(const struct replay *r);
/* Another one after each replay__to() that went back. */
struct model *replay__model(const struct replay *r);

/* To what was known at `at_ns`, CLOCK_MONOTONIC of where it was made. 0 or -errno. */
int replay__to(struct replay *r, uint64_t at_ns);
/* To the end, or to where it is damaged. 0 or -errno. */
int replay__to_end(struct replay *r);
/*
 * The same in slices, as a live run is read: calls `fn` behind each, and ends with what it returns
 * if that is below 0.
 */
typedef int replay_slice_fn(void *ctx, const struct snapshot *snapshot, uint64_t at_ns);
int replay__each_slice(struct replay *r, replay_slice_fn *fn, void *ctx);

uint64_t replay__first_ns(const struct replay *r);
uint64_t replay__last_ns(const struct replay *r);
/* What is wrong with the file, NULL if nothing is known to be. */
const char *replay__damage(const struct replay *r);
/*
 * True if the end mark was reached. False if the recorder was killed or still runs: the facts about
 * the machine are missing then, too.
 */
bool replay__is_complete(const struct replay *r);
/* 0 if it does not say. */
uint64_t replay__threshold_ns(const struct replay *r);

/* See struct report_opts; 0 if the recording does not hold it. */
uint64_t replay__clock_offset_ns(const struct replay *r);

/*
 * What it says of itself. Strings and targets live until the next call on the replay. The run is
 * that up to the last input.
 */
const struct report_start *replay__start(struct replay *r);
struct report_run replay__run(const struct replay *r);
/* Whether most of it was measured in light mode. */
struct light replay__light(const struct replay *r);
/* Use of the machine during the recording; known once the end was played. */
struct machine_use replay__machine(const struct replay *r);
/* "uvicorn 4242  CPython 3.11.2, asyncio, exact (entry)  +1 more", raw. */
void replay__describe(struct replay *r, char *buf, size_t size);

#endif
