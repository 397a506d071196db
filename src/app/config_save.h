/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Writes settings into the configuration file, as the user, and leaves everything else in it as it
 * is.
 */
#ifndef LOOPSTALL_APP_CONFIG_SAVE_H
#define LOOPSTALL_APP_CONFIG_SAVE_H

#include <stddef.h>
#include <stdio.h>

#include "base/err.h"

struct config_value {
	const char *key, *value; /* NULL: the file is not to set it */
};

/* Copies the lines of a file with these values in that section. 0 or -errno. */
int config_edit(FILE *in, FILE *out, const char *section, const struct config_value *values,
		size_t n);

/*
 * Changes the file at `path`; NULL: that in the user's ~/.config, which is made if there is none. 0
 * or -errno with err filled.
 */
int config_save(const char *path, const char *section, const struct config_value *values, size_t n,
		struct err *err);

#endif
