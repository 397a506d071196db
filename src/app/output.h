/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the commands share on the way out: results on stdout (JSON lines, the final flush) and the one line
 * that tells of a failure on stderr.
 */
#ifndef LOOPSTALL_APP_OUTPUT_H
#define LOOPSTALL_APP_OUTPUT_H

#include <jansson.h>

#include "base/err.h"

/*
 * Flushes stdout. Returns `code`, or when stdout failed: EXIT_FINE if its reader has gone, else
 * EXIT_INCONCLUSIVE with a message.
 */
int output_finish(int code);

/* A JSON string of text that need not be UTF-8. NULL only without memory. */
json_t *output_json_string(const char *text);
/* Begins an object of the schema, of type `type`. NULL only without memory. */
json_t *output_json_object(const char *type);
/* Prints one object on a line of its own and frees it (NULL is allowed). */
void output_json_line(json_t *object);

/*
 * Prints one line: what failed and what to do next. Where the cause is a privilege and the module that failed
 * gave no advice, names the capabilities that are missing. Returns EXIT_CANNOT_ATTACH.
 */
int output_failure(int error, const struct err *err);

#endif
