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

void http_server__name_address(struct http_server *s)
{
	const char *scheme = s->address.is_unix ? "" : s->web.has_tls ? "https://" : "http://";
	char text[HTTP_ADDRESS_TEXT_BYTES];

	http_address__print(&s->address, text, sizeof(text));
	snprintf(s->address_text, sizeof(s->address_text), "%s%s", scheme, text);
}

/* The one before stays in force. The same fault is counted once. */
static void keep_old(struct http_server *s, const struct err *err)
{
	if (!strcmp(s->config_error, err->what))
		return;
	snprintf(s->config_error, sizeof(s->config_error), "%s", err->what);
	http_server__count(s, HTTP_COUNT_config_errors);
}

/* Until it can be read, a changed file is tried again each time: what it names may come later. */
void http_server__look_at_config(struct http_server *s, uint64_t now_ns)
{
	struct web_config web = {};
	struct err err = {};

	if (!s->web_config_path || now_ns < s->look_at_ns)
		return;
	s->look_at_ns = now_ns + LOOK_NS;
	if (!web_config__is_stale(&s->web))
		return;
	if (http_server__read_web_config(s, &web, &err)) {
		keep_old(s, &err);
		return;
	}
	web_config__done(&s->web);
	s->web = web;
	s->config_error[0] = '\0';
	http_server__name_address(s);
	http_server__count(s, HTTP_COUNT_config_reloads);
	if (s->pid && http_server__send_config(s))
		http_server__kill_child(s);
}
