/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Durations as people write them on a command line ("10ms", "1.5s") and read them in a sentence.
 */
#ifndef LOOPSTALL_APP_DURATION_H
#define LOOPSTALL_APP_DURATION_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

/* The units, smallest first: their list for messages and help. */
#define DURATION_UNITS "ns, us, ms, s or m"

/*
 * Reads a decimal number with a unit. 0, -EINVAL (err says what is wrong) or -ERANGE (over 2^63
 * ns).
 */
int duration_parse(const char *text, uint64_t *ret_ns, struct err *err);

/* Shortest exact form in the largest unit that needs at most three decimals: "10 ms", "1.5 s". */
void duration_format(uint64_t ns, char *buf, size_t size);

#endif
