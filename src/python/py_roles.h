/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What functions of libraries are to a search, by their names and files: each code object is
 * compared once.
 */
#ifndef LOOPSTALL_PYTHON_PY_ROLES_H
#define LOOPSTALL_PYTHON_PY_ROLES_H

#include "python/addr_map.h"
#include "python/py_types.h"

struct py_role {
	int role; /* more than 0 */
	const char *function, *file; /* `file`: the end of its path; both ASCII */
};

/* The role of the first row that names this code object; 0: none does. */
int py_role__find(const struct py_role *list, size_t n, struct py_types *types, uint64_t code);
/* The same; `known` keeps the answers, plus 1. -ENOMEM if it cannot. */
int py_role__of(const struct py_role *list, size_t n, struct py_types *types,
		struct addr_map *known, uint64_t code);

#endif
