/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Line tables of code objects, in each format. An input is a position, a first line and a table.
 */
#include "python/py_linetable.h"
#include "tests/fuzz/fuzz.h"

#define HEAD_BYTES (sizeof(int64_t) + sizeof(uint32_t))

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint32_t first_line;
	uint8_t *table;
	int64_t addr;

	if (size < HEAD_BYTES)
		return 0;
	memcpy(&addr, data, sizeof(addr));
	memcpy(&first_line, data + sizeof(addr), sizeof(first_line));
	size -= HEAD_BYTES;
	table = fuzz_copy(data + HEAD_BYTES, size);
	for (unsigned int format = 0; format <= LS_LINETABLE_LOCATIONS; format++) {
		py_linetable__line(format, table, size, first_line, addr);
		py_linetable__line(format, table, size, first_line, addr & 0xffff);
	}
	free(table);
	return 0;
}
