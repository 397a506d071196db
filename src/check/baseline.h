/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The baseline file: JSON with the newest good runs and their distributions; docs/check.md
 * documents every field. Every value is validated: the file may have been edited by hand or merged
 * by a tool.
 */
#ifndef LOOPSTALL_CHECK_BASELINE_H
#define LOOPSTALL_CHECK_BASELINE_H

#include <stddef.h>
#include <stdio.h>

#include "base/err.h"
#include "compare/compare.h"

#define BASELINE_VERSION 1

void baseline__done(struct baseline *b);
/* Takes over the run; removes the oldest one if there are too many. */
void baseline__add(struct baseline *b, struct run *run);

/*
 * 0, -ENOENT, -EBADMSG (no baseline, or a damaged one), -EPROTO (a newer one) or -errno, with err
 * filled.
 */
int baseline__read(struct baseline *b, const char *path, struct err *err);
/* Writes a new file and renames it over the old one. 0 or -errno with err filled. */
int baseline__write(const struct baseline *b, const char *path, struct err *err);

#endif
