/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A hash from addresses of the target to 64-bit values. Grows; nothing is ever removed.
 */
#ifndef LOOPSTALL_PYTHON_ADDR_MAP_H
#define LOOPSTALL_PYTHON_ADDR_MAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct addr_map {
	size_t n, size;
	uint64_t multiplier; /* of its hash */
	struct addr_pair *pairs;
};

void addr_map__done(struct addr_map *map);
/* Reserves room for `n` addresses, so that adding them does not allocate. 0 or -ENOMEM. */
int addr_map__reserve(struct addr_map *map, size_t n);
/* Keeps the first value of an address; address 0 is ignored. 0 or -ENOMEM. */
int addr_map__add(struct addr_map *map, uint64_t addr, uint64_t value);
bool addr_map__get(const struct addr_map *map, uint64_t addr, uint64_t *ret_value);

#endif
