/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * See web_config.h.
 */
#include "http/web_config.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

int web_config__read(struct web_config *ret_config, const char *path, struct err *err)
{
	(void)ret_config;
	return err__set(err, -ENOSYS, "%s: not there yet", path);
}

/* Keys and hashes are not to be found in memory that is used for something else. */
static void free_secret(char *text)
{
	if (text)
		explicit_bzero(text, strlen(text));
	free(text);
}

void web_config__done(struct web_config *c)
{
	free(c->cert);
	free_secret(c->key);
	free(c->client_ca);
	for (size_t i = 0; i < c->n_users; i++) {
		free(c->users[i].name);
		free_secret(c->users[i].hash);
	}
	free(c->users);
	*c = (struct web_config){};
}
