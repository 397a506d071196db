/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A text is put together in memory and leaves in one piece.
 */
#ifndef LOOPSTALL_REPORT_OUTPUT_H
#define LOOPSTALL_REPORT_OUTPUT_H

#include <stddef.h>
#include <stdio.h>

struct output {
	FILE *mem; /* write here */
	char *text;
	size_t size;
};

/* 0 or -ENOMEM. */
int output__init(struct output *o);
void output__done(struct output *o);
/* Writes what was put together. 0 or -errno. */
int output__send(struct output *o, FILE *out);

/* The text as base/escape.h makes it safe, whole; to be freed. NULL if memory was short. */
char *output_escape(const char *text);

/* Writes and flushes. 0 or -errno. */
int output_write(FILE *out, const char *text, size_t size);

#endif
