/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Code objects by address: what they are called, and what distinguishes two of them. An object
 * counts only if its type is the right one.
 */
#include "python/py_code.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "base/cleanup.h"
#include "base/utf8.h"
#include "python/py_pages.h"
#include "python/py_source.h"
#include "python/python.h"

/* CO_COROUTINE, CO_ITERABLE_COROUTINE, CO_ASYNC_GENERATOR (cpython: Include/cpython/code.h) */
#define CO_AWAITED 0x380

/* source->learned is the address of the type `code`. No class can be derived from it. */
static bool type_is_code(const struct frame_source *s, uint64_t type)
{
	static const char code[] = "code";
	char name[sizeof(code)];
	uint64_t tp_name;

	if (s->learned)
		return type == s->learned;
	if (py_source__read_object(s, type + py_source__layout(s)->tp_name, &tp_name,
				   sizeof(tp_name)) < 0 ||
	    py_source__read(s, tp_name, name, sizeof(name)) < 0)
		return false;
	return memcmp(name, code, sizeof(code)) == 0;
}

/*
 * False for an object that has been freed: its count of references, the first word, is 0 or a
 * pointer to another free block (cpython: Objects/obmalloc.c). The upper half of the count has
 * flags in its own upper half. Free-threaded builds have another head.
 */
static bool is_alive(const struct ls_pyoffsets *py, const uint8_t *object)
{
	const uint64_t count = py_word(object, 0);

	return py->ob_type != sizeof(count) || ((uint32_t)count && !(count >> 32 & 0xffff));
}

/* Bytes of a code object that hold all fields; 0 if the layout is not known. */
static size_t head_bytes(const struct ls_pyoffsets *py)
{
	const uint16_t last[] = { py->ob_type, py->co_filename, py->co_name, py->co_linetable,
				  py->co_firstlineno };
	size_t bytes = py->co_qualname == LS_PY_NONE ? 0 : py->co_qualname;

	if (py->minor == 0)
		return 0;
	for (size_t i = 0; i < N_OF(last); i++)
		if (last[i] > bytes)
			bytes = last[i];
	bytes += sizeof(uint64_t);
	return bytes <= PY_OBJECT_MAX_BYTES ? bytes : 0;
}

static struct code_stamp stamp_of(const struct ls_pyoffsets *py, const uint8_t *object)
{
	const int32_t first_line = (int32_t)py_half(object, py->co_firstlineno);
	struct code_stamp stamp = { 0 };
	uint64_t *words = stamp.words;

	words[PY_STAMP_TYPE] = py_word(object, py->ob_type);
	words[PY_STAMP_FILE] = py_word(object, py->co_filename);
	words[PY_STAMP_NAME] = py_word(object, py->co_name);
	if (py->co_qualname != LS_PY_NONE)
		words[PY_STAMP_QUALNAME] = py_word(object, py->co_qualname);
	words[PY_STAMP_LINES] = py_word(object, py->co_linetable);
	words[PY_STAMP_FIRST_LINE] = first_line > 0 ? (uint32_t)first_line : 0;
	words[PY_STAMP_FLAGS] = py_half(object, py->co_flags);
	return stamp;
}

/*
 * What a C function belongs to is known from the kernel side's copy alone: its object may have been
 * freed. The process itself has the name of its definition or its type.
 */
static int c_function_stamp(const struct frame_source *s, uint64_t code,
			    struct code_stamp *ret_stamp)
{
	const uint64_t at = code & ~(uint64_t)LS_CODE_IS_C;
	struct ls_py_c_function function;
	bool is_copied =
		py_source__read(s, code, &function, sizeof(function)) >= 0 && function.code == code;
	int r = 0;

	if (!is_copied) {
		function = (struct ls_py_c_function){ 0 };
		r = py_source__read_object(
			s, code & LS_CODE_C_TYPE ? at + py_source__layout(s)->tp_name : at,
			&function.name, sizeof(function.name));
	}
	if (r < 0)
		return r;
	*ret_stamp = (struct code_stamp){ 0 };
	ret_stamp->words[PY_STAMP_NAME] = function.name;
	ret_stamp->words[PY_STAMP_QUALNAME] = is_copied;
	ret_stamp->words[PY_STAMP_FILE] = function.owner;
	ret_stamp->words[PY_STAMP_FLAGS] = function.is_owner_str;
	return 0;
}

int py_code_stamp(struct frame_source *s, uint64_t code, struct code_stamp *ret_stamp)
{
	uint8_t object[PY_OBJECT_MAX_BYTES];
	size_t size = head_bytes(py_source__layout(s));
	struct code_stamp stamp;
	int r;

	if (size == 0)
		return -ENOTSUP;
	if (code & LS_CODE_IS_C)
		return c_function_stamp(s, code, ret_stamp);
	r = py_source__read_object(s, code, object, size);
	if (r < 0)
		return r;
	if (!is_alive(py_source__layout(s), object))
		return -EFAULT;
	stamp = stamp_of(py_source__layout(s), object);
	if (!type_is_code(s, stamp.words[PY_STAMP_TYPE]))
		return -EFAULT;
	s->learned = stamp.words[PY_STAMP_TYPE];
	*ret_stamp = stamp;
	return 0;
}

/* A C string as far as it was copied, in a new string. */
static int read_c_string(const struct frame_source *s, uint64_t addr, size_t max_bytes,
			 char **ret_text)
{
	char text[LS_PY_C_OWNER_BYTES + 1] = "";
	int r = -EFAULT;

	for (size_t i = 0; addr && r < 0 && i < 3; i++, max_bytes /= LS_PY_PIECE_CUT)
		r = py_source__read(s, addr, text, max_bytes);
	if (r < 0)
		return r;
	*ret_text = malloc(sizeof(text));
	if (!*ret_text)
		return -ENOMEM;
	utf8__sanitize(text, *ret_text, sizeof(text));
	return 0;
}

/* "time.sleep", "list.sort", "sorted" */
static void c_function_names(const struct frame_source *s, const struct code_stamp *stamp,
			     struct code_names *ret_names)
{
	const uint64_t owner_at = stamp->words[PY_STAMP_FILE];
	_cleanup_free_ char *name = NULL, *owner = NULL;

	*ret_names = (struct code_names){ .is_qualified = stamp->words[PY_STAMP_QUALNAME],
					  .file = strdup(PY_C_FUNCTION_FILE) };
	if (read_c_string(s, stamp->words[PY_STAMP_NAME], LS_PY_C_NAME_BYTES, &name) < 0 || !*name)
		return;
	if (stamp->words[PY_STAMP_FLAGS])
		py_source__read_str(s, owner_at, CODE_NAME_MAX_CHARS, &owner, NULL);
	else if (owner_at)
		read_c_string(s, owner_at, LS_PY_C_OWNER_BYTES, &owner);
	if (!owner || !*owner || !strcmp(owner, "builtins"))
		ret_names->name = TAKE_PTR(name);
	else if (asprintf(&ret_names->name, "%s.%s", owner, name) < 0)
		ret_names->name = NULL;
}

void py_code_names(const struct frame_source *s, const struct code_stamp *stamp,
		   struct code_names *ret_names)
{
	const uint64_t qualname = stamp->words[PY_STAMP_QUALNAME];

	if (!stamp->words[PY_STAMP_TYPE]) {
		c_function_names(s, stamp, ret_names);
		return;
	}
	*ret_names = (struct code_names){
		.first_line = (uint32_t)stamp->words[PY_STAMP_FIRST_LINE],
		.is_awaited = stamp->words[PY_STAMP_FLAGS] & CO_AWAITED,
		.is_qualified = qualname != 0,
	};
	py_source__read_str(s, qualname ? qualname : stamp->words[PY_STAMP_NAME],
			    CODE_NAME_MAX_CHARS, &ret_names->name, &ret_names->name_kind);
	py_source__read_str(s, stamp->words[PY_STAMP_FILE], CODE_FILE_MAX_CHARS, &ret_names->file,
			    NULL);
}

static bool is_qualname_of(const char *qualname, const char *name)
{
	size_t n_qualname = strlen(qualname), n_name = strlen(name);

	if (n_qualname < n_name || strcmp(qualname + n_qualname - n_name, name) != 0)
		return false;
	return n_qualname == n_name || qualname[n_qualname - n_name - 1] == '.';
}

/*
 * Before 3.11 only the coroutine, not the code object, has the qualified name. It is taken only if
 * it ends with the code's own name: the coroutine may be gone by now, and a decorator's one wrapper
 * runs under many names.
 */
int py_code_qualname(const struct frame_source *s, const char *name, uint64_t name_kind,
		     uint64_t qualname, char **ret_name)
{
	_cleanup_free_ char *text = NULL;
	uint64_t type;
	int r = py_source__read_str(s, qualname, CODE_NAME_MAX_CHARS, &text, &type);

	if (r < 0)
		return r;
	if (type != name_kind || !is_qualname_of(text, name))
		return -ENOENT;
	*ret_name = TAKE_PTR(text);
	return 0;
}
