/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * throw() leaves through a jump into the function that `await` uses: there is no place that would
 * see these steps alone.
 */
#include "fake_core.h"

static OPAQUE void *send_value(void **coro, void *value)
{
	void *result = NULL;

	if (resume(coro, value, &result, 0) < 0)
		return fake_fail(coro);
	return result;
}

static OPAQUE int throw_value(void **coro, void **arguments)
{
	if (!arguments[0])
		fake_fail(coro);
	return resume(coro, arguments[0], arguments + 1, 1);
}

FAKE_TYPES(send_value, throw_value);
