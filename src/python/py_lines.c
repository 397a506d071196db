/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Where a frame is in its code, and which line that is.
 */
#include "python/py_lines.h"

#include "python/py_code.h"
#include "python/py_linetable.h"
#include "python/py_source.h"
#include "python/python.h"

#define CODE_UNIT_BYTES 2
#define MAX_CODE_COPIES 1024

/* How pyoffsets.h counts `position_is_lasti`. */
enum position_kind { POSITION_POINTER, POSITION_BYTES, POSITION_UNITS };

/*
 * Where the code begins that a frame runs. A free-threaded interpreter gives each thread a copy of
 * its own (cpython Include/cpython/code.h, _PyCodeArray): the one that begins last before the
 * position.
 */
static uint64_t code_start(const struct frame_source *s, const struct ls_frame *frame)
{
	const struct ls_pyoffsets *py = py_source__layout(s);
	uint64_t start = frame->code + py->co_code, array, copies[1 + MAX_CODE_COPIES];
	size_t n;

	if (py->co_tlbc == LS_PY_NONE ||
	    py_source__read_object(s, frame->code + py->co_tlbc, &array, sizeof(array)) < 0 ||
	    py_source__read_object(s, array, copies, sizeof(*copies)) < 0)
		return start;
	n = copies[0] < MAX_CODE_COPIES ? copies[0] : MAX_CODE_COPIES;
	if (n == 0 || py_source__read(s, array, copies, (1 + n) * sizeof(*copies)) < 0)
		return start;
	if (start > frame->position)
		start = 0;
	for (size_t i = 1; i <= n; i++)
		if (copies[i] <= frame->position && copies[i] > start)
			start = copies[i];
	return start;
}

int64_t py_code_offset(const struct frame_source *s, const struct ls_frame *frame)
{
	int32_t lasti = (int32_t)(uint32_t)frame->position;

	switch (py_source__layout(s)->position_is_lasti) {
	case POSITION_BYTES:
		return lasti;
	case POSITION_UNITS:
		return (int64_t)lasti * CODE_UNIT_BYTES;
	default:
		return (int64_t)(frame->position - code_start(s, frame));
	}
}

int py_code_lines(const struct frame_source *s, const struct code_stamp *stamp, uint8_t **ret_table,
		  size_t *ret_size)
{
	return py_source__read_bytes(s, stamp->words[PY_STAMP_LINES], LINE_TABLE_MAX_BYTES,
				     ret_table, ret_size);
}

uint32_t py_frame_line(const struct frame_source *s, const struct code_stamp *stamp,
		       const uint8_t *table, size_t size, const struct ls_frame *frame)
{
	return py_linetable__line(py_source__layout(s)->linetable, table, size,
				  (uint32_t)stamp->words[PY_STAMP_FIRST_LINE],
				  py_code_offset(s, frame));
}
