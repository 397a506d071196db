/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Up to 3.9: the method is the exported function that `await` calls, and nothing is told apart any
 * more.
 */
#include "fake_core.h"

void *_PyGen_Send(void **coro, void *value);
OPAQUE void *_PyGen_Send(void **coro, void *value)
{
	void *result = NULL;

	if (resume(coro, value, &result, 0) < 0)
		return fake_fail(coro);
	return result;
}

static OPAQUE void *throw_value(void **coro, void **arguments)
{
	void *result = NULL;

	if (resume(coro, arguments[0], &result, 1) < 0)
		return fake_fail(coro);
	return result;
}

FAKE_TYPES(_PyGen_Send, throw_value);
