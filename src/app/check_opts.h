/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The options of `loopstall check` as what the check module takes.
 */
#ifndef LOOPSTALL_APP_CHECK_OPTS_H
#define LOOPSTALL_APP_CHECK_OPTS_H

#include "app/cli.h"
#include "base/err.h"
#include "check/allow.h"
#include "check/limits.h"

extern const struct cli_option check_options[];

/* 0 or -errno with err filled. Both must be given to their __done(), whatever comes back. */
int check_opts__limits(const struct config *config, struct check_limits *ret, struct err *err);
int check_opts__allow(const struct config *config, struct check_allow *ret, struct err *err);

/*
 * The repository's root: --root, or the nearest folder at or above the working directory with a
 * .git in it, or the working directory. Absolute, in `buf`. 0 or -errno with err filled.
 */
int check_opts__root(const struct config *config, char *buf, size_t size, struct err *err);

#endif
