/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Both methods call the function that resumes, which `await` uses, too: only their own calls of it
 * may be probed.
 */
#include "fake_core.h"

static OPAQUE void *send_value(void **coro, void *value)
{
	void *result = NULL;

	if (resume(coro, value, &result, 0) < 0)
		return fake_fail(coro);
	return result;
}

/* _gen_throw(): two ways, as into a coroutine that awaits something and into one that does not. */
static OPAQUE void *throw_inner(void **coro, void *exception)
{
	void *result = NULL;

	if (coro[5] && resume(coro[5], exception, &result, 1) < 0)
		return fake_fail(coro[5]);
	if (resume(coro, exception, &result, 1) < 0)
		return fake_fail(coro);
	return result;
}

static OPAQUE void *throw_value(void **coro, void **arguments)
{
	void *result;

	if (!arguments[0])
		return NULL;
	result = throw_inner(coro, arguments[0]);
	return result ? result : fake_fail(coro);
}

FAKE_TYPES(send_value, throw_value);
