/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Names that objects of a process have: read raw, every length doubted.
 */
#ifndef LOOPSTALL_PYTHON_PY_NAMES_H
#define LOOPSTALL_PYTHON_PY_NAMES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <loopstall/abi.h>

#include "python/py_types.h"

/*
 * As UTF-8, cut where there is no more room. `buf` stays as it is if the object is no name or
 * cannot be read.
 */
void py_name__read(struct py_types *types, uint64_t object, char *buf, size_t size);
/* As the kernel side copies a str; of kind LS_NO_NAME if it is none or cannot be read. */
void py_name__copy(struct py_types *types, uint64_t object, struct ls_pystr *ret);
/* Whether it is a str that ends with `tail`, which has to be ASCII and short. */
bool py_name__ends(struct py_types *types, uint64_t object, const char *tail);
/* Whether a code object is that of `function`, in a file that ends with `file`; both ASCII. */
bool py_name__is_code(struct py_types *types, uint64_t code, const char *function,
		      const char *file);

#endif
