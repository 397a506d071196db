/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Numbers and words as narrow as a column of the dashboard wants them.
 */
#ifndef LOOPSTALL_VIEW_WORDS_H
#define LOOPSTALL_VIEW_WORDS_H

#include <stdint.h>

#include "model/model.h"
#include "model/vocabulary.h"

#define WORDS_BYTES 32

/* "50ms", "1.4s", "190us", "2m03s"; "0" for none. At most six columns below a year. */
const char *words__duration(uint64_t ns, char buf[WORDS_BYTES]);
/*
 * "12:41:07.113", the time of day in the time zone of this machine; `offset_ns`: CLOCK_REALTIME
 * minus CLOCK_MONOTONIC, 0: not known, then "".
 */
const char *words__time_of_day(uint64_t at_ns, uint64_t offset_ns, char buf[WORDS_BYTES]);
/* "812", "18.2k", "1.20M" */
const char *words__count(uint64_t count, char buf[WORDS_BYTES]);
/* "0.4", "4210" */
const char *words__rate(double per_s, char buf[WORDS_BYTES]);
/* 0 ... 1 as "10.4" */
const char *words__percent(double share, char buf[WORDS_BYTES]);
/*
 * The name of a blocking call as the author of the code knows it ("time.sleep"), else the system
 * call, else the cause.
 */
const char *words__call(const struct runtime_words *runtime, enum ls_cause cause, enum sign sign,
			const char *syscall);
/* The last component of a path, inside the string itself. */
const char *words__file(const char *path);

#endif
