/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Source files as the targets name them: a line to show, a place to open in the user's editor. The
 * target chooses the file: process/target_file.h says what is opened, and no more than the first
 * 4 MiB are read.
 */
#ifndef LOOPSTALL_APP_SOURCE_H
#define LOOPSTALL_APP_SOURCE_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/err.h"

/*
 * One line of `file` as process `pid` names it, cut to `size`, raw. 0 or -errno: -ENOENT if there
 * is no such line, -EFBIG if it lies behind what is read.
 */
int source_line(pid_t pid, const char *file, uint32_t line, char *buf, size_t size);

/*
 * Opens it at `line` in $VISUAL, $EDITOR or vi, and waits. The terminal must be the user's. 0 or
 * -errno with err filled.
 */
int source_edit(pid_t pid, const char *file, uint32_t line, struct err *err);

#endif
