/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Web configurations. One that is read can be told to the child, who understands the same.
 */
#include "http/child_config.h"
#include "http/web_config.h"
#include "tests/fuzz/fuzz.h"

static void tell(const struct web_config *web)
{
	const struct child_config c = { .web = *web };
	struct child_config heard = {};
	struct wire_frame frame = {};
	struct wire_out w = {};

	fuzz_check(!child_config__encode(&c, &w));
	frame.head.bytes = (uint32_t)(w.n - sizeof(frame.head));
	frame.data = fuzz_copy(w.data + sizeof(frame.head), frame.head.bytes);
	fuzz_check(!child_config__decode(&heard, &frame));
	fuzz_check(heard.web.n_users == web->n_users && heard.web.has_tls == web->has_tls);
	for (size_t i = 0; i < web->n_users; i++)
		fuzz_check(!strcmp(heard.web.users[i].name, web->users[i].name));
	child_config__done(&heard);
	wire_out__done(&w);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct web_config web = {};
	struct err err = {};
	char path[32];

	fuzz_file(data, size, path);
	if (!web_config__read(&web, path, &err)) {
		fuzz_check(web.n_users <= WEB_MAX_USERS);
		fuzz_check(!web_config__is_stale(&web));
		tell(&web);
	} else {
		fuzz_check(err.what[0]);
		fuzz_check(!web.users && !web.path);
	}
	web_config__done(&web);
	return 0;
}
