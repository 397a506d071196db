/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The configuration file: an INI file whose sections are commands ([top]) and [measure], and whose
 * keys are the long names of their options, so that an option is written down once, in its table.
 * Does not print and does not exit.
 */
#ifndef LOOPSTALL_APP_CONFIG_FILE_H
#define LOOPSTALL_APP_CONFIG_FILE_H

#include <stddef.h>

#include "app/cli.h"
#include "base/err.h"

struct config_file;

/*
 * Reads the file at `path`, or if that is NULL the first that exists of
 *
 *   `own`, if that is not NULL
 *   $XDG_CONFIG_HOME/loopstall/config.ini ($HOME/.config/loopstall/config.ini)
 *   the same below the home of $SUDO_USER, when root by sudo
 *
 * Those must belong to root, to us or to SUDO_USER, and nobody else may be able to write to
 * them. 0 with *ret_file NULL if there is none, or -errno with err filled; -EINVAL: the file says
 * something that cannot be, and err tells the line and what could.
 */
int config_file__read(struct config_file **ret_file, const char *path, const char *own,
		      const struct cli_command *const *commands, struct err *err);
void config_file__free(struct config_file *file);
static inline void config_file__freep(struct config_file **file)
{
	config_file__free(*file);
}

/*
 * What the file sets, over the defaults: the base that the command line is read onto. Its strings
 * belong to the file, which has to outlive every copy.
 */
const struct config *config_file__config(const struct config_file *file);

/* Where it is. */
const char *config_file__path(const struct config_file *file);

/*
 * Where the text `value` of an option comes from, for a message: "/etc/x.ini:3: sort" if it is the
 * file's own string, else "--sort". `file` may be NULL.
 */
void config_file__origin(const struct config_file *file, const char *option, const char *value,
			 char *buf, size_t size);

#endif
