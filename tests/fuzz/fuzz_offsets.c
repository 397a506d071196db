/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What an interpreter says of its own layout, read as each version would. What is refused changes
 * nothing.
 */
#include "python/py_debug_offsets.h"
#include "python/py_offsets.h"
#include "tests/fuzz/fuzz.h"

static void apply(unsigned int minor, bool is_free_threaded, const uint8_t *table, size_t size)
{
	struct ls_pyoffsets before, py;

	memset(&before, 0, sizeof(before));
	if (py_offsets__init(&before, minor < PY_MINOR_MAX ? minor : PY_MINOR_MAX,
			     is_free_threaded) < 0)
		return;
	py = before;
	if (py_debug_offsets__apply(&py, (uint8_t)minor, table, size) < 0)
		fuzz_check(!memcmp(&py, &before, sizeof(py)));
	before = py;
	if (py_asyncio_offsets__apply(&py, table, size) < 0)
		fuzz_check(!memcmp(&py, &before, sizeof(py)));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t *table = fuzz_copy(data, size);
	struct py_debug_head head;

	py_debug_offsets__head(&head, table, size);
	for (unsigned int minor = 13; minor <= PY_MINOR_MAX + 1; minor++) {
		apply(minor, false, table, size);
		apply(minor, true, table, size);
	}
	free(table);
	return 0;
}
