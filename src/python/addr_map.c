/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Open addressing, at most half full. The target chooses the addresses, so the hash is one of many,
 * drawn for each map: multiplication by a random odd number, of which the upper bits count.
 */
#include "python/addr_map.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/random.h>

#define FIRST_SIZE 64

struct addr_pair {
	uint64_t addr, value;
};

void addr_map__done(struct addr_map *map)
{
	free(map->pairs);
	*map = (struct addr_map){ 0 };
}

/* The pair of an address, or the empty one where it belongs. */
static struct addr_pair *find(const struct addr_map *map, uint64_t addr)
{
	size_t i = (size_t)(addr * map->multiplier >> (64 - __builtin_ctzll(map->size)));

	while (map->pairs[i & (map->size - 1)].addr && map->pairs[i & (map->size - 1)].addr != addr)
		i++;
	return &map->pairs[i & (map->size - 1)];
}

static uint64_t draw_multiplier(void)
{
	uint64_t random = 0x9e3779b97f4a7c15ULL;

	if (getrandom(&random, sizeof(random), GRND_NONBLOCK) != sizeof(random))
		random ^= (uintptr_t)&random;
	return random | 1;
}

int addr_map__reserve(struct addr_map *map, size_t n)
{
	struct addr_map next = { .n = map->n,
				 .size = map->size ? map->size : FIRST_SIZE,
				 .multiplier = map->multiplier };

	while (next.size < 2 * n)
		next.size *= 2;
	if (next.size == map->size)
		return 0;
	if (!next.multiplier)
		next.multiplier = draw_multiplier();
	next.pairs = calloc(next.size, sizeof(*next.pairs));
	if (!next.pairs)
		return -ENOMEM;
	for (size_t i = 0; i < map->size; i++)
		if (map->pairs[i].addr)
			*find(&next, map->pairs[i].addr) = map->pairs[i];
	free(map->pairs);
	*map = next;
	return 0;
}

int addr_map__add(struct addr_map *map, uint64_t addr, uint64_t value)
{
	struct addr_pair *pair;

	if (!addr)
		return 0;
	if (addr_map__reserve(map, map->n + 1))
		return -ENOMEM;
	pair = find(map, addr);
	if (pair->addr)
		return 0;
	*pair = (struct addr_pair){ addr, value };
	map->n++;
	return 0;
}

bool addr_map__get(const struct addr_map *map, uint64_t addr, uint64_t *ret_value)
{
	const struct addr_pair *pair = map->size && addr ? find(map, addr) : NULL;

	if (!pair || !pair->addr)
		return false;
	*ret_value = pair->value;
	return true;
}
