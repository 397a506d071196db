/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Builds a text in memory and writes it in one piece.
 */
#ifndef LOOPSTALL_REPORT_OUTPUT_H
#define LOOPSTALL_REPORT_OUTPUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

struct output {
	FILE *mem; /* write here */
	char *text; /* what was written, up to the last fflush(mem); NULL: nothing */
	size_t size, capacity;
	bool is_short_of_memory;
};

/* 0 or -ENOMEM. */
int output__init(struct output *o);
void output__done(struct output *o);
/* Writes the text. 0 or -errno. */
int output__send(struct output *o, FILE *out);

/* The whole text, escaped by base/escape.h; to be freed. NULL without memory. */
char *output_escape(const char *text);

/* Writes and flushes. 0 or -errno. */
int output_write(FILE *out, const char *text, size_t size);

#endif
