/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The detail of a failure on its way up. A fallible function returns -errno and, where that would
 * lose what a user needs, also fills the `struct err` it was handed (NULL is allowed): `what`
 * failed and why, and the `hint`, what to do next. Only src/app prints it.
 */
#ifndef LOOPSTALL_BASE_ERR_H
#define LOOPSTALL_BASE_ERR_H

struct err {
	char what[384];
	char hint[256];
};

/*
 * Where a limit of our own process is the cause, its name is the hint.
 *
 * Both return `code`, so that `return err__set(err, -ENOENT, ...)` reads as one
 * sentence.
 */
int err__set(struct err *err, int code, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
int err__hint(struct err *err, int code, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

#endif
