/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Parses /proc/PID/maps (proc(5)) line by line. Bounded: a process with more executable ranges than
 * that is looked at in part.
 */
#include "symbol/execmap.h"

#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"

#define MAX_RANGES 8192

/* True for an executable range, with `path` inside `line`. */
static bool parse_line(char *line, struct execmap_range *range, char **ret_path)
{
	char perms[5];
	int path_at = 0;

	if (sscanf(line,
		   "%" SCNx64 "-%" SCNx64 " %4s %" SCNx64 " %" SCNx32 ":%" SCNx32 " %" SCNu64 " %n",
		   &range->start, &range->end, perms, &range->offset, &range->dev_major,
		   &range->dev_minor, &range->inode, &path_at) != 7 ||
	    path_at == 0)
		return false;
	line[strcspn(line, "\n")] = '\0';
	*ret_path = line + path_at;
	return range->start < range->end && strchr(perms, 'x');
}

static int execmap__add(struct execmap *map, const struct execmap_range *range, const char *path)
{
	struct execmap_range *ranges;

	/* Doubles at each power of two. */
	if ((map->n & (map->n - 1)) == 0) {
		ranges = realloc(map->ranges, (map->n ? 2 * map->n : 1) * sizeof(*ranges));
		if (!ranges)
			return -ENOMEM;
		map->ranges = ranges;
	}
	map->ranges[map->n] = *range;
	map->ranges[map->n].path = strdup(path);
	if (!map->ranges[map->n].path)
		return -ENOMEM;
	map->n++;
	return 0;
}

int execmap__read(struct execmap *map, FILE *file)
{
	_cleanup_free_ char *line = NULL;
	struct execmap_range range = { 0 };
	size_t capacity = 0;
	char *path;
	int r;

	while (map->n < MAX_RANGES && getline(&line, &capacity, file) > 0) {
		if (!parse_line(line, &range, &path))
			continue;
		r = execmap__add(map, &range, path);
		if (r < 0)
			return r;
	}
	return 0;
}

void execmap__done(struct execmap *map)
{
	size_t i;

	for (i = 0; i < map->n; i++)
		free(map->ranges[i].path);
	free(map->ranges);
	*map = (struct execmap){ 0 };
}

const struct execmap_range *execmap__find(const struct execmap *map, uint64_t addr)
{
	size_t low = 0, high = map->n, middle;

	while (low < high) {
		middle = low + (high - low) / 2;
		if (addr >= map->ranges[middle].end)
			low = middle + 1;
		else
			high = middle;
	}
	return low < map->n && addr >= map->ranges[low].start ? &map->ranges[low] : NULL;
}
