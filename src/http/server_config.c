/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The web configuration in force: read at the start, and again when one of its files changes.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/time.h"
#include "http/server_impl.h"

#define LOOK_NS (2 * NS_PER_S)

/* What is reached from other machines needs something that keeps strangers out. */
static int check_reach(const struct http_server *s, const struct web_config *web, struct err *err)
{
	char text[HTTP_ADDRESS_TEXT_BYTES];

	if (s->address.is_local || s->may_be_remote || web->has_tls || web->n_users)
		return 0;
	http_address__print(&s->address, text, sizeof(text));
	err__set(err, -EACCES,
		 "%s can be reached from other machines, and anybody there could read it", text);
	return err__hint(err, -EACCES,
			 "listen on 127.0.0.1 or unix:PATH, give --web-config a file with TLS or "
			 "users, or say --insecure-listen");
}

int http_server__read_web_config(struct http_server *s, struct web_config *ret_web, struct err *err)
{
	struct web_config web = {};
	int r = s->web_config_path ? web_config__read(&web, s->web_config_path, err) : 0;

	if (!r)
		r = check_reach(s, &web, err);
	if (r)
		web_config__done(&web);
	else
		*ret_web = web;
	return r;
}

void http_server__look_at_config(struct http_server *s, uint64_t now_ns)
{
	if (!s->web_config_path || now_ns < s->look_at_ns)
		return;
	s->look_at_ns = now_ns + LOOK_NS;
}
