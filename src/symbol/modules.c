/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Opens the very files that a process has mapped, and the debug files that belong to them. A file
 * that could not be read is remembered as such.
 */
#include "symbol/modules.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/cleanup.h"
#include "base/table.h"
#include "process/mapped_file.h"
#include "process/target_file.h"

#define MAX_MODULES 256
#define MAX_BYTES (96U << 20) /* of all together */

struct key {
	uint64_t dev, inode;
};

struct entry {
	struct key key;
	struct module module;
	size_t bytes;
	UT_hash_handle hh;
};

struct modules {
	struct entry *entries; /* in the order of their last use */
	size_t bytes;
	struct module none;
};

int modules__new(struct modules **ret_modules)
{
	struct modules *m = calloc(1, sizeof(*m));

	if (!m)
		return -ENOMEM;
	*ret_modules = m;
	return 0;
}

static void entry_free(struct entry *e)
{
	elfsym__free(e->module.symbols);
	cfi__free(e->module.cfi);
	free(e);
}

static void modules__drop(struct modules *m, struct entry *e)
{
	HASH_DEL(m->entries, e);
	m->bytes -= e->bytes;
	entry_free(e);
}

void modules__free(struct modules *m)
{
	struct entry *e, *next;

	if (!m)
		return;
	HASH_ITER (hh, m->entries, e, next)
		modules__drop(m, e);
	free(m);
}

static int open_mapped(pid_t pid, const struct execmap_range *range)
{
	_cleanup_free_ char *root = NULL, *host_path = NULL;
	struct map_entry map = { .start = range->start, .end = range->end, .ino = range->inode };
	int r = proc_root(pid, &root);

	if (r < 0)
		return r;
	map.path = proc_inner_path(root, range->path);
	return mapped_file__open(pid, &map, &host_path);
}

/* Its debug file, where distributions install them, as the process sees its file system. */
static void add_debug_file(pid_t pid, struct elfsym *symbols)
{
	_cleanup_fd_ int fd = -1;
	char path[64 + BUILD_ID_TEXT_BYTES];

	if (!*elfsym__build_id(symbols))
		return;
	snprintf(path, sizeof(path), "/usr/lib/debug/.build-id/%s.debug",
		 elfsym__build_id(symbols));
	fd = target_open(pid, path);
	if (fd >= 0)
		elfsym__add_debug_file(symbols, fd);
}

static void read_module(struct entry *e, pid_t pid, const struct execmap_range *range)
{
	_cleanup_fd_ int fd = range->inode ? open_mapped(pid, range) : -1;

	e->bytes = sizeof(*e);
	if (fd < 0 || elfsym__new(&e->module.symbols, fd) < 0)
		return;
	add_debug_file(pid, e->module.symbols);
	e->bytes += elfsym__bytes(e->module.symbols);
	if (cfi__new(&e->module.cfi, fd) >= 0)
		e->bytes += cfi__bytes(e->module.cfi);
}

struct module *modules__get(struct modules *m, pid_t pid, const struct execmap_range *range)
{
	const struct key key = { (uint64_t)range->dev_major << 32 | range->dev_minor,
				 range->inode };
	struct entry *e;

	table__find(m->entries, &key, e);
	if (e && !e->hh.next)
		return &e->module;
	if (e) {
		HASH_DEL(m->entries, e);
	} else {
		e = calloc(1, sizeof(*e));
		if (!e)
			return &m->none;
		e->key = key;
		read_module(e, pid, range);
		m->bytes += e->bytes;
	}
	if (table__add(m->entries, e) < 0) {
		m->bytes -= e->bytes;
		entry_free(e);
		return &m->none;
	}
	while (m->entries != e && (HASH_COUNT(m->entries) > MAX_MODULES || m->bytes > MAX_BYTES))
		modules__drop(m, m->entries);
	return &e->module;
}
