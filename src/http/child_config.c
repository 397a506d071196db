/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * See child_config.h.
 */
#include "http/child_config.h"

#include <errno.h>
#include <string.h>

#include "base/array.h"

static void encode_web(const struct web_config *web, struct wire_out *w)
{
	wire_out__u32(w, web->has_tls);
	for (size_t i = 0; i < WEB_FILE_MAX; i++)
		wire_out__text(w, web->pem[i]);
	wire_out__u32(w, web->client_auth);
	wire_out__u32(w, web->min_version);
	wire_out__u32(w, web->max_version);
	wire_out__u32(w, (uint32_t)web->n_users);
	for (size_t i = 0; i < web->n_users; i++) {
		wire_out__text(w, web->users[i].name);
		wire_out__text(w, web->users[i].hash);
	}
}

int child_config__encode(const struct child_config *c, struct wire_out *ret_message)
{
	struct wire_out w = {};
	int r;

	wire_out__begin(&w, WIRE_CONFIG, 0);
#define _(name, value) wire_out__u32(&w, c->limits.name);
	HTTP_LIMITS(_)
#undef _
	wire_out__u32(&w, c->is_host_checked);
	wire_out__u32(&w, (uint32_t)c->n_paths);
	for (size_t i = 0; i < c->n_paths; i++)
		wire_out__text(&w, c->paths[i]);
	encode_web(&c->web, &w);
	r = wire_out__end(&w);
	if (!r && w.n - sizeof(struct wire_head) > WIRE_CONFIG_MAX_BYTES)
		r = -EMSGSIZE;
	if (r)
		wire_out__done(&w);
	else
		*ret_message = w;
	return r;
}

/* NULL for "": the field was left out. */
static char *decode_copy(struct wire_in *in)
{
	const char *text = wire_in__text(in);
	char *copy = *text ? strdup(text) : NULL;

	in->is_bad |= *text && !copy;
	return copy;
}

static uint32_t decode_below(struct wire_in *in, uint32_t end)
{
	const uint32_t value = wire_in__u32(in);

	in->is_bad |= value >= end;
	return in->is_bad ? 0 : value;
}

static void decode_users(struct web_config *web, struct wire_in *in)
{
	const uint32_t n = decode_below(in, WEB_MAX_USERS + 1);

	if (in->is_bad || ARRAY_RESERVE(web->users, web->users_size, n)) {
		in->is_bad = true;
		return;
	}
	for (uint32_t i = 0; i < n && !in->is_bad; i++) {
		struct web_user *user = &web->users[web->n_users++];

		user->name = decode_copy(in);
		user->hash = decode_copy(in);
		in->is_bad |= !user->name || !user->hash;
	}
}

static void decode_web(struct web_config *web, struct wire_in *in)
{
	web->has_tls = decode_below(in, 2);
	for (size_t i = 0; i < WEB_FILE_MAX; i++)
		web->pem[i] = decode_copy(in);
	web->client_auth = decode_below(in, WEB_CLIENT_AUTH_MAX);
	web->min_version = decode_below(in, WEB_TLS_MAX);
	web->max_version = decode_below(in, WEB_TLS_MAX);
	in->is_bad |= web->has_tls && (!web->pem[WEB_FILE_CERT] || !web->pem[WEB_FILE_KEY]);
	decode_users(web, in);
}

int child_config__decode(struct child_config *ret_config, struct wire_frame *frame)
{
	struct wire_in in = wire_frame__in(frame);
	struct child_config c = {};

#define _(name, value) c.limits.name = wire_in__u32(&in);
	HTTP_LIMITS(_)
#undef _
	in.is_bad |= c.limits.connections > HTTP_MAX_CONNECTIONS;
	c.is_host_checked = decode_below(&in, 2);
	c.n_paths = decode_below(&in, HTTP_MAX_PATHS + 1);
	for (size_t i = 0; i < c.n_paths; i++)
		c.paths[i] = wire_in__text(&in);
	decode_web(&c.web, &in);
	if (!wire_in__is_end(&in)) {
		child_config__done(&c);
		return -EPROTO;
	}
	c.frame = *frame;
	*frame = (struct wire_frame){};
	*ret_config = c;
	return 0;
}

void child_config__done(struct child_config *c)
{
	web_config__done(&c->web);
	wire_frame__done(&c->frame);
	*c = (struct child_config){};
}
