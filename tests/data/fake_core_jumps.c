/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * As 3.15 is built with link-time optimization: throw() jumps to a function that jumps to the one
 * that resumes. On the way another function is called that resumes as well, for what is not this
 * method's.
 */
#include "fake_core.h"

static OPAQUE void *send_value(void **coro, void *value)
{
	void *result = NULL;

	if (resume(coro, value, &result, 0) < 0)
		return fake_fail(coro);
	return result;
}

static OPAQUE void *throw_none(void **coro)
{
	void *result = NULL;

	if (resume(coro, NULL, &result, 1) < 0)
		return fake_fail(coro);
	return result;
}

static OPAQUE int close_inner(void **coro)
{
	void *result = NULL;
	int r = resume(coro, coro, &result, 1);

	if (r < 0)
		fake_fail(coro);
	return r;
}

static OPAQUE void *throw_inner(void **coro, void *exception)
{
	if (coro[5] && close_inner(coro[5]) < 0)
		return fake_fail(coro);
	coro[6] = exception;
	return throw_none(coro);
}

static OPAQUE void *throw_value(void **coro, void **arguments)
{
	return throw_inner(coro, arguments[0]);
}

FAKE_TYPES(send_value, throw_value);
