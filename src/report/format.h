/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Numbers, paths and columns the way people read them. Shared by the formats made for people.
 */
#ifndef LOOPSTALL_REPORT_FORMAT_H
#define LOOPSTALL_REPORT_FORMAT_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#define FORMAT_NUMBER_BYTES 32 /* enough for every number below */

/* Three significant digits: "812 us", "50.3 ms", "1.42 s"; from 1000 s on whole seconds. */
const char *format__duration(uint64_t ns, char buf[FORMAT_NUMBER_BYTES]);
/* Exact up to seven digits, then "12.3M". */
const char *format__count(uint64_t count, char buf[FORMAT_NUMBER_BYTES]);
/* "23.1 MiB" */
const char *format__bytes(uint64_t bytes, char buf[FORMAT_NUMBER_BYTES]);
/* "0.42%"; "-" if `whole` is 0. */
const char *format__percent(uint64_t part, uint64_t whole, char buf[FORMAT_NUMBER_BYTES]);

/* The last `components` components of a path, inside the string itself. */
const char *format__path_tail(const char *path, unsigned int components);

/* "s", or "" behind a 1. */
static inline const char *format__plural(uint64_t n)
{
	return n == 1 ? "" : "s";
}

/* Columns that valid UTF-8 takes on a terminal. */
size_t format__columns(const char *text);
/*
 * Writes text padded to `columns`, and cut with ".." if it is wider. format__left() aligns it to
 * the left, format__right() to the right.
 */
void format__left(FILE *out, const char *text, size_t columns);
void format__right(FILE *out, const char *text, size_t columns);
/* The same without padding. Returns the columns written. */
size_t format__cut(FILE *out, const char *text, size_t columns);

/*
 * The name by which people know a control group: its last component, without ".scope", long ids cut
 * as container tools cut them ("docker-4f1a2b3c4d5e"); "?" for NULL. Not escaped.
 */
#define FORMAT_CGROUP_BYTES 64
const char *format__cgroup(const char *cgroup, char buf[FORMAT_CGROUP_BYTES]);

#endif
