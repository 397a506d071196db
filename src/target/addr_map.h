/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A hash from addresses of the target to 64-bit values. Grows; nothing is ever taken out.
 */
#ifndef LOOPSTALL_TARGET_ADDR_MAP_H
#define LOOPSTALL_TARGET_ADDR_MAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct addr_map {
	size_t n, size;
	struct addr_pair *pairs;
};

void addr_map__done(struct addr_map *map);
/* Room for `n` addresses, so that it need not grow on the way. 0 or -ENOMEM. */
int addr_map__reserve(struct addr_map *map, size_t n);
/* Keeps the first value of an address; address 0 is ignored. 0 or -ENOMEM. */
int addr_map__add(struct addr_map *map, uint64_t addr, uint64_t value);
bool addr_map__get(const struct addr_map *map, uint64_t addr, uint64_t *ret_value);

#endif
