/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Names of tasks: a str, or from 3.12 on a number. Sources: cpython
 * Include/cpython/unicodeobject.h, Include/cpython/longintrepr.h.
 */
#include "python/py_names.h"

#include <stdio.h>
#include <string.h>

#include "base/utf8.h"
#include "python/py_memory.h"
#include "python/py_pages.h"

#define MAX_NAME_CHARS 128

/* Where the characters of a str are. */
struct chars {
	uint64_t data, length;
	uint32_t width;
};

static bool find_chars(struct py_types *types, uint64_t object, struct chars *ret)
{
	const struct ls_pyoffsets *py = &types->t->proc.py.at;
	uint8_t head[96];
	uint32_t state;

	if (py_pages__read_head(types->pages, object, head, sizeof(head)))
		return false;
	ret->length = py_word(head, py->str_length);
	state = py_half(head, py->str_state);
	ret->width = ls_str_width(py, state);
	/* A class derived from str keeps its characters elsewhere. */
	ret->data = !ls_str_is_compact(py, state) ?
		py_word(head, py->str_data) :
		object + (ls_str_is_ascii(py, state) ? py->str_ascii_data : py->str_data);
	return ret->length <= INT64_MAX && (ret->width == 1 || ret->width == 2 || ret->width == 4);
}

static void read_str(struct py_types *types, uint64_t object, char *buf, size_t size)
{
	uint8_t chars[MAX_NAME_CHARS * 4];
	struct chars at;
	size_t n;

	if (!find_chars(types, object, &at))
		return;
	n = at.length < MAX_NAME_CHARS ? at.length : MAX_NAME_CHARS;
	if (n && py_pages__read(types->pages, at.data, chars, n * at.width))
		return;
	utf8__from_wide(chars, n, at.width, n < at.length, buf, size);
}

bool py_name__ends(struct py_types *types, uint64_t object, const char *tail)
{
	const size_t n = strlen(tail);
	uint8_t chars[MAX_NAME_CHARS * 4];
	char text[MAX_NAME_CHARS * 4 + 1];
	struct chars at;

	if (n > MAX_NAME_CHARS || py_types__kind(types, object) != PY_STR ||
	    !find_chars(types, object, &at) || at.length < n ||
	    py_pages__read(types->pages, at.data + (at.length - n) * at.width, chars, n * at.width))
		return false;
	utf8__from_wide(chars, n, at.width, false, text, sizeof(text));
	return !strcmp(text, tail);
}

bool py_name__is_code(struct py_types *types, uint64_t code, const char *function, const char *file)
{
	const struct ls_pyoffsets *py = &types->t->proc.py.at;
	uint64_t name, path;

	return !py_pages__read(types->pages, code + py->co_name, &name, sizeof(name)) &&
		!py_pages__read(types->pages, code + py->co_filename, &path, sizeof(path)) &&
		py_str_equals(types->t, name, function) && py_name__ends(types, path, file);
}

/* 3.12 and later: a task not named has a number only, of one digit (30 bits). */
static bool read_number(struct py_types *types, uint64_t object, uint32_t *ret_number)
{
	const struct ls_pyoffsets *py = &types->t->proc.py.at;
	uint64_t tag;

	return py->int_tag != LS_PY_NONE &&
		!py_pages__read(types->pages, object + py->int_tag, &tag, sizeof(tag)) &&
		tag >> 3 == 1 &&
		!py_pages__read(types->pages, object + py->int_digit, ret_number,
				sizeof(*ret_number));
}

void py_name__read(struct py_types *types, uint64_t object, char *buf, size_t size)
{
	uint32_t number;

	switch (py_types__kind(types, object)) {
	case PY_STR:
		read_str(types, object, buf, size);
		break;
	case PY_INT:
		if (read_number(types, object, &number))
			snprintf(buf, size, "Task-%u", number);
		break;
	default:
		break;
	}
}

void py_name__copy(struct py_types *types, uint64_t object, struct ls_pystr *ret)
{
	const struct ls_pyoffsets *py = &types->t->proc.py.at;
	uint8_t head[96];
	uint64_t length;
	uint32_t state, width, number;
	size_t n;

	*ret = (struct ls_pystr){ .kind = LS_NO_NAME };
	if (py_types__kind(types, object) == PY_INT && read_number(types, object, &number))
		*ret = (struct ls_pystr){ .kind = 0, .number = number };
	if (py_types__kind(types, object) != PY_STR ||
	    py_pages__read_head(types->pages, object, head, sizeof(head)))
		return;
	length = py_word(head, py->str_length);
	state = py_half(head, py->str_state);
	width = ls_str_width(py, state);
	if ((width != 1 && width != 2 && width != 4) || !ls_str_is_compact(py, state) ||
	    length > UINT32_MAX)
		return;
	n = length < LS_NAME_BYTES / width ? length * width : LS_NAME_BYTES;
	if (n &&
	    py_pages__read(types->pages,
			   object +
				   (ls_str_is_ascii(py, state) ? py->str_ascii_data : py->str_data),
			   ret->data, n))
		return;
	ret->length = (uint32_t)length;
	ret->copied = (uint16_t)n;
	ret->ascii = ls_str_is_ascii(py, state);
	ret->kind = (uint8_t)width;
}
