/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Native code by name, read from the very files that the target has mapped.
 */
#include "symbol/native.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define HASH_NONFATAL_OOM 1
#include <uthash.h>

#include "base/cleanup.h"
#include "base/utf8.h"
#include "symbol/elfsym.h"
#include "target/mapped_file.h"

#define REREAD_NS 1000000000ULL /* at most one look at the maps of a process in this time */
#define MAX_PLACES 4096
#define MAX_NAME_BYTES 256

struct place_key {
	uint64_t dev, inode, offset;
};

struct place {
	struct place_key key;
	const char *name; /* of the pool */
	UT_hash_handle hh;
};

struct native {
	struct place *places; /* oldest first */
	struct strings *strings;
};

int native__new(struct native **ret_native, struct strings *strings)
{
	struct native *n = calloc(1, sizeof(*n));

	if (!n)
		return -ENOMEM;
	n->strings = strings;
	*ret_native = n;
	return 0;
}

static void native__drop(struct native *n, struct place *place)
{
	HASH_DEL(n->places, place);
	free(place);
}

void native__free(struct native *n)
{
	struct place *place, *next;

	if (!n)
		return;
	HASH_ITER(hh, n->places, place, next)
		native__drop(n, place);
	free(n);
}

void native_maps__done(struct native_maps *maps)
{
	execmap__done(&maps->map);
	maps->read_ns = 0;
}

/* A process that is gone keeps the maps it had. */
static void native_maps__reread(struct native_maps *maps, pid_t pid, uint64_t now_ns)
{
	_cleanup_(file_close) FILE *file = NULL;
	struct execmap map = { 0 };
	char path[64];

	if (maps->read_ns && now_ns - maps->read_ns < REREAD_NS)
		return;
	maps->read_ns = now_ns;
	snprintf(path, sizeof(path), "/proc/%d/maps", (int)pid);
	file = fopen(path, "re");
	if (!file)
		return;
	if (execmap__read(&map, file) < 0 || map.n == 0) {
		execmap__done(&map);
		return;
	}
	execmap__done(&maps->map);
	maps->map = map;
}

static int open_module(pid_t pid, const struct execmap_range *range)
{
	_cleanup_free_ char *root = NULL, *host_path = NULL;
	struct map_entry map = { .start = range->start, .end = range->end, .ino = range->inode };
	int r = proc_root(pid, &root);

	if (r < 0)
		return r;
	map.path = proc_inner_path(root, range->path);
	return mapped_file__open(pid, &map, &host_path);
}

/* The last component, without the kernel's note that the file was deleted. */
static void module_name(const struct execmap_range *range, char *name, size_t size)
{
	static const char deleted[] = " (deleted)";
	const char *slash = strrchr(range->path, '/');
	size_t length;

	utf8__sanitize(slash ? slash + 1 : range->path, name, size);
	length = strlen(name);
	if (length > sizeof(deleted) - 1 &&
	    strcmp(name + length - (sizeof(deleted) - 1), deleted) == 0)
		name[length - (sizeof(deleted) - 1)] = '\0';
}

static void native__remember(struct native *n, const struct place_key *key, const char *name)
{
	struct place *place = calloc(1, sizeof(*place));

	if (!place)
		return;
	place->key = *key;
	place->name = name;
	HASH_ADD(hh, n->places, key, sizeof(place->key), place);
	if (!place->hh.tbl)
		free(place);
	else if (HASH_COUNT(n->places) > MAX_PLACES)
		native__drop(n, n->places);
}

static const char *native__describe(struct native *n, pid_t pid, const struct execmap_range *range,
				    const struct place_key *key)
{
	char module[MAX_NAME_BYTES], symbol[MAX_NAME_BYTES], name[2 * MAX_NAME_BYTES + 32];
	_cleanup_fd_ int fd = -1;
	const char *pooled;

	module_name(range, module, sizeof(module));
	fd = open_module(pid, range);
	if (fd >= 0 && elfsym__find(fd, key->offset, symbol, sizeof(symbol)) == 0)
		snprintf(name, sizeof(name), "%s:%s", module, symbol);
	else
		snprintf(name, sizeof(name), "%s+0x%" PRIx64, module, key->offset);
	pooled = strings__intern(n->strings, name);
	native__remember(n, key, pooled);
	return pooled;
}

const char *native__name(struct native *n, struct native_maps *maps, pid_t pid, uint64_t ip,
			 uint64_t now_ns)
{
	const struct execmap_range *range = execmap__find(&maps->map, ip);
	struct place_key key;
	struct place *place;

	if (!range || !maps->read_ns) {
		native_maps__reread(maps, pid, now_ns);
		range = execmap__find(&maps->map, ip);
	}
	if (!range || range->path[0] == '\0')
		return NULL;
	key = (struct place_key){
		.dev = (uint64_t)range->dev_major << 32 | range->dev_minor,
		.inode = range->inode,
		.offset = ip - range->start + range->offset,
	};
	HASH_FIND(hh, n->places, &key, sizeof(key), place);
	if (place)
		return place->name;
	return native__describe(n, pid, range, &key);
}
