/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Sources: cpython Include/cpython/code.h (co_varnames up to 3.10, co_localsplusnames since),
 * Include/cpython/funcobject.h, Include/cpython/frameobject.h, Include/internal/pycore_frame.h.
 */
#include "python/py_frames.h"

#include <errno.h>

#include "python/py_memory.h"

#define MAX_FRAMES 512
#define MAX_LOCALS 256
#define FRAME_BYTES_MAX 128
/*
 * co_varnames, co_freevars, co_cellvars, co_cell2arg, co_filename; from 3.11 on co_localsplusnames,
 * co_localspluskinds, co_filename
 */
#define FILENAME_BEHIND_VARNAMES 32
#define FILENAME_BEHIND_NAMES 16
/* of a function, behind its head: func_code comes first up to 3.9 */
#define FUNCTION_CODE 32
#define OLD_FUNCTION_CODE 0

int py_frame_top(const struct target *t, uint64_t tstate, uint64_t *ret_frame)
{
	const struct ls_pyoffsets *py = &t->proc.py.at;
	int r = py_read_u64(t, tstate + py->tstate_frame, ret_frame);

	if (!r && *ret_frame && py->cframe_current != LS_PY_NONE)
		r = py_read_u64(t, *ret_frame + py->cframe_current, ret_frame);
	return r;
}

int py_frame_find(const struct target *t, uint64_t tstate, uint64_t code, uint64_t *ret_frame)
{
	const struct ls_pyoffsets *py = &t->proc.py.at;
	uint8_t words[FRAME_BYTES_MAX];
	uint64_t frame, found = 0;
	int r = py_frame_top(t, tstate, &frame);

	if (py->frame_bytes > sizeof(words))
		return -ENOTSUP;
	for (int i = 0; !r && frame && i < MAX_FRAMES; i++) {
		r = target__read(t, frame, words, py->frame_bytes);
		if (r)
			break;
		if (py_frame_code(py, words) == code)
			found = frame;
		frame = py_word(words, py->frame_previous);
	}
	*ret_frame = found;
	return found ? 0 : r ? r : -ENOENT;
}

uint16_t py_function_code_offset(const struct ls_pyoffsets *py)
{
	return (uint16_t)(py->ob_head + (py->minor < 10 ? OLD_FUNCTION_CODE : FUNCTION_CODE));
}

int py_function_code(const struct target *t, uint64_t function, uint64_t *ret_code)
{
	if (!py_is_instance(t, function, "function"))
		return -ENOENT;
	return py_read_u64(t, function + py_function_code_offset(&t->proc.py.at), ret_code);
}

int py_code_local(const struct target *t, uint64_t code, const char *name, uint16_t *ret_offset)
{
	const struct ls_pyoffsets *py = &t->proc.py.at;
	uint64_t names, n, string;
	int r = py_read_u64(t,
			    code + py->co_filename -
				    (py->minor < 11 ? FILENAME_BEHIND_VARNAMES :
						      FILENAME_BEHIND_NAMES),
			    &names);

	if (!r)
		r = py_read_u64(t, names + py->ob_size, &n);
	if (r)
		return r;
	for (uint64_t i = 0; !r && i < n && i < MAX_LOCALS; i++) {
		r = py_read_u64(t, names + py->tuple_items + 8 * i, &string);
		if (!r && py_str_equals(t, string, name)) {
			*ret_offset = (uint16_t)(py->frame_locals + 8 * i);
			return 0;
		}
	}
	return r ? r : -ENOENT;
}

int py_frame_local(const struct target *t, uint64_t frame, uint16_t offset, uint64_t *ret_value)
{
	int r = py_read_u64(t, frame + offset, ret_value);

	*ret_value = r ? 0 : *ret_value & ~(uint64_t)t->proc.py.at.tag_mask;
	return r;
}
