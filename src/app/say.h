/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * How the commands speak: results on stdout (JSON lines, the final flush), and the one line on
 * stderr that tells of a failure.
 */
#ifndef LOOPSTALL_APP_SAY_H
#define LOOPSTALL_APP_SAY_H

#include <jansson.h>

#include "base/err.h"

/*
 * Flushes stdout. Returns `code`, also if its reader has gone: a fault that was found stays one. When stdout failed
 * otherwise, EXIT_INCONCLUSIVE with a message, unless `code` is EXIT_LIMIT.
 */
int say_finish(int code);

/* A JSON string of text that need not be UTF-8. NULL only without memory. */
json_t *say_json_string(const char *text);
/* Begins an object of the schema, of type `type`. NULL only without memory. */
json_t *say_json_object(const char *type);
/* Prints one object on a line of its own and frees it (NULL is allowed). */
void say_json_line(json_t *object);

/*
 * Prints one line: what failed and what to do next. Where the cause is a privilege and the module
 * that failed gave no advice, names the capabilities that are missing. Returns EXIT_CANNOT_ATTACH.
 */
int say_failure(int error, const struct err *err);

#endif
