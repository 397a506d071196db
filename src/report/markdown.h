/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Names of unknown origin in Markdown.
 */
#ifndef LOOPSTALL_REPORT_MARKDOWN_H
#define LOOPSTALL_REPORT_MARKDOWN_H

#include <stdint.h>
#include <stdio.h>

/* A code span that holds the text and nothing else, in a table's cell too. 0 or -ENOMEM. */
int markdown__code(FILE *out, const char *text);
/*
 * `handler` `app/web.py:10`; without a file (NULL) only the name, without a line (0) only the file.
 * 0 or -ENOMEM.
 */
int markdown__place(FILE *out, const char *name, const char *file, uint32_t line);

#endif
