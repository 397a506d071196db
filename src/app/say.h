/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the commands print: results on stdout (JSON lines, the final flush), and the one line on
 * stderr that reports a failure.
 */
#ifndef LOOPSTALL_APP_SAY_H
#define LOOPSTALL_APP_SAY_H

#include <jansson.h>

#include "base/err.h"
#include "report/jsonx.h"

/*
 * Flushes stdout. Returns `code`, also if its reader has gone: a fault that was found stays one.
 * When stdout failed otherwise, EXIT_INCONCLUSIVE with a message, unless `code` is EXIT_LIMIT.
 */
int say_finish(int code);
/* The same for what was written past stdio: `error` is 0 or -errno. */
int say_written(int code, int error);

/*
 * Begins an object of the schema, of type `type`; say_json() takes what jsonx_end() returns of it.
 */
struct jsonx say_json_object(const char *type);
/*
 * Prints one object on a line of its own and frees it. 0 or -errno: -ENOMEM for NULL, or if its
 * text does not fit into memory.
 */
int say_json(json_t *object);

/* A loop thread (struct target_loop_thread) as `ls` and `doctor` print it; for jsonx_array(). */
json_t *say_loop_thread(const void *item);

/* Prints one line: what failed and what to do next. Returns `code`, an enum exit_code. */
int say_error(int code, int error, const struct err *err);
/*
 * The same for what cannot be attached to: where the cause is a privilege and the module that
 * failed gave no advice, names the capabilities that are missing. Returns EXIT_CANNOT_ATTACH.
 */
int say_failure(int error, const struct err *err);

#endif
