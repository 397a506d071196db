/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the words of a code object's stamp are.
 */
#ifndef LOOPSTALL_PYTHON_PY_CODE_H
#define LOOPSTALL_PYTHON_PY_CODE_H

#include "runtime/frames.h"

#define PY_C_FUNCTION_FILE "<built-in>" /* in place of a C function's file, which is not known */

/*
 * Addresses, except for the line and the flags. Without a type it is a C function: the name is a C
 * string, the file what it belongs to, the flags say whether that is a str, and the qualified name
 * whether what it belongs to is known at all.
 */
enum py_stamp {
	PY_STAMP_TYPE,
	PY_STAMP_FILE,
	PY_STAMP_NAME,
	PY_STAMP_QUALNAME, /* 0 before 3.11 */
	PY_STAMP_LINES,
	PY_STAMP_FIRST_LINE,
	PY_STAMP_FLAGS,
	PY_STAMP_WORDS
};

_Static_assert(PY_STAMP_WORDS <= CODE_STAMP_WORDS, "stamp of a code object");

#endif
