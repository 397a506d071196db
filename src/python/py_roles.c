/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * See py_roles.h.
 */
#include "python/py_roles.h"

#include "python/py_names.h"

int py_role__find(const struct py_role *list, size_t n, struct py_types *types, uint64_t code)
{
	for (size_t i = 0; i < n; i++)
		if (py_name__is_code(types, code, list[i].function, list[i].file))
			return list[i].role;
	return 0;
}

int py_role__of(const struct py_role *list, size_t n, struct py_types *types,
		struct addr_map *known, uint64_t code)
{
	uint64_t kept;
	int role, r;

	if (addr_map__get(known, code, &kept))
		return (int)(kept - 1);
	role = py_role__find(list, n, types, code);
	r = addr_map__add(known, code, (uint64_t)role + 1);
	return r < 0 ? r : role;
}
