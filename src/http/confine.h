/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the child gives up before it reads the first byte of a client.
 */
#ifndef LOOPSTALL_HTTP_CONFINE_H
#define LOOPSTALL_HTTP_CONFINE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"

/*
 * The user, all capabilities, the folder, new privileges. As root the child becomes a user and a
 * group that nobody else has; `ret_has_own_user` is false if that is not possible, and then it runs
 * on as who it is. 0 or -errno.
 */
int confine_privileges(bool *ret_has_own_user, struct err *err);

/* Limits on memory, descriptors, files and cores. */
int confine_resources(size_t memory_bytes, size_t n_descriptors, struct err *err);

/* The seccomp filter, for all threads. From here on only what serving needs can be called. */
int confine_system_calls(struct err *err);

#endif
