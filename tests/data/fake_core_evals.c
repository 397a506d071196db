/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Both methods enter the frame themselves, or hand on to a function of their own that does.
 */
#include "fake_core.h"

static OPAQUE void *send_value(void **coro, void *value)
{
	void *result;

	coro[2] = value;
	result = _PyEval_EvalFrameDefault(fake_thread(), coro + 9, 0);
	return result ? result : fake_fail(coro);
}

/* Called in a way that leaves no place behind the call: the call inside has to serve. */
static OPAQUE void *throw_inner(void **coro, void *exception)
{
	void *result;

	coro[2] = exception;
	result = _PyEval_EvalFrameDefault(fake_thread(), coro + 9, 1);
	return result ? result : fake_fail(coro);
}

static OPAQUE void *throw_value(void **coro, void **arguments)
{
	return throw_inner(coro, arguments[0]);
}

FAKE_TYPES(send_value, throw_value);
