/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The maps of the kernel side on the host, and the helpers that work on them. A map is known by its
 * address, to user space by a number; its kind and its sizes are those of its definition. This is
 * the only list of maps.
 */
#include <errno.h>
#include <linux/bpf.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "machine.h"

#define KEYED_MAPS(_)                                                                              \
	_(procs)                                                                                   \
	_(requests)                                                                                \
	_(loops)                                                                                   \
	_(coroutine_index)                                                                         \
	_(coroutine_stats)                                                                         \
	_(tasks)                                                                                   \
	_(loop_threads)                                                                            \
	_(copied_codes)                                                                            \
	_(thread_stats)                                                                            \
	_(clocks)                                                                                  \
	_(cpu_waits)                                                                               \
	_(lock_watches)                                                                            \
	_(losses)
#define STACK_MAPS(_) _(coroutine_free)
#define STORAGE_MAPS(_)                                                                            \
	_(threads)                                                                                 \
	_(stacks)                                                                                  \
	_(holders)

struct map {
	const void *addr;
	size_t type, key_bytes, value_bytes, max;
	uint8_t *values; /* max of them, mapped */
	uint8_t *keys; /* of a hash: max of them */
	size_t n; /* of a hash or stack: in use from the front on */
};

#define UINT_OF(map, field) (sizeof(*(map).field) / sizeof(int))
#define KEYED(map)                                                                                 \
	{ .addr = &map,                                                                            \
	  .type = UINT_OF(map, type),                                                              \
	  .key_bytes = sizeof(*map.key),                                                           \
	  .value_bytes = sizeof(*map.value),                                                       \
	  .max = UINT_OF(map, max_entries) },
#define STACK(map)                                                                                 \
	{ .addr = &map,                                                                            \
	  .type = UINT_OF(map, type),                                                              \
	  .value_bytes = sizeof(*map.value),                                                       \
	  .max = UINT_OF(map, max_entries) },
#define STORAGE(map) { .addr = &map, .value_bytes = sizeof(*map.value) },

static struct map maps[] = { KEYED_MAPS(KEYED) STACK_MAPS(STACK) };
static const struct map storages[] = { STORAGE_MAPS(STORAGE) };

#define N(array) (sizeof(array) / sizeof((array)[0]))

_Static_assert(N(storages) <= HOST_STORAGES, "a thread has a slot for each storage map");

static uint8_t *map_pages(size_t bytes)
{
	void *pages = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (pages == MAP_FAILED)
		abort();
	return pages;
}

static struct map *find(const void *addr)
{
	for (size_t i = 0; i < N(maps); i++) {
		struct map *m = &maps[i];

		if (m->addr != addr)
			continue;
		if (!m->values) {
			m->values = map_pages(m->max * m->value_bytes);
			if (m->key_bytes)
				m->keys = map_pages(m->max * m->key_bytes);
		}
		return m;
	}
	abort(); /* a map that the lists above do not have */
}

static bool is_array(const struct map *m)
{
	return m->type == BPF_MAP_TYPE_ARRAY || m->type == BPF_MAP_TYPE_PERCPU_ARRAY;
}

void maps__reset(void)
{
	for (size_t i = 0; i < N(maps); i++) {
		struct map *m = &maps[i];

		if (m->values && (m->n || is_array(m)))
			madvise(m->values, m->max * m->value_bytes, MADV_DONTNEED);
		m->n = 0;
	}
}

void maps__free_storage(struct host_thread *thread)
{
	for (size_t i = 0; i < HOST_STORAGES; i++) {
		free(thread->storage[i]);
		thread->storage[i] = NULL;
	}
}

long maps__index_of(const void *map, const void *value)
{
	const struct map *m = find(map);
	size_t offset = (size_t)((const uint8_t *)value - m->values);

	return offset < m->max * m->value_bytes ? (long)(offset / m->value_bytes) : -1;
}

/* Place of a key in a hash, m->n if it has none. */
static size_t place(const struct map *m, const void *key)
{
	for (size_t i = 0; i < m->n; i++)
		if (!memcmp(m->keys + i * m->key_bytes, key, m->key_bytes))
			return i;
	return m->n;
}

void *bpf_map_lookup_elem(void *map, const void *key)
{
	struct map *m = find(map);
	size_t i;

	if (is_array(m)) {
		i = *(const uint32_t *)key;
		return i < m->max ? m->values + i * m->value_bytes : NULL;
	}
	i = place(m, key);
	return i < m->n ? m->values + i * m->value_bytes : NULL;
}

long bpf_map_update_elem(void *map, const void *key, const void *value, __u64 flags)
{
	struct map *m = find(map);
	size_t i = is_array(m) ? *(const uint32_t *)key : place(m, key);

	if (!is_array(m) && i == m->n) {
		if (i == m->max || machine.faults.full_map == map)
			return -E2BIG;
		memcpy(m->keys + i * m->key_bytes, key, m->key_bytes);
		m->n++;
	} else if (flags & BPF_NOEXIST) {
		return -EEXIST;
	}
	if (i >= m->max)
		return -E2BIG;
	memcpy(m->values + i * m->value_bytes, value, m->value_bytes);
	return 0;
}

long bpf_map_delete_elem(void *map, const void *key)
{
	struct map *m = find(map);
	size_t i = place(m, key);

	if (i == m->n)
		return -ENOENT;
	m->n--;
	memmove(m->keys + i * m->key_bytes, m->keys + m->n * m->key_bytes, m->key_bytes);
	memmove(m->values + i * m->value_bytes, m->values + m->n * m->value_bytes, m->value_bytes);
	return 0;
}

long bpf_map_push_elem(void *map, const void *value, __u64 flags)
{
	struct map *m = find(map);

	(void)flags;
	if (m->n == m->max)
		return -E2BIG;
	memcpy(m->values + m->n++ * m->value_bytes, value, m->value_bytes);
	return 0;
}

long bpf_map_pop_elem(void *map, void *value)
{
	struct map *m = find(map);

	if (!m->n)
		return -ENOENT;
	memcpy(value, m->values + --m->n * m->value_bytes, m->value_bytes);
	return 0;
}

static void **storage_of(const void *map, struct task_struct *task, size_t *ret_bytes)
{
	for (size_t i = 0; i < N(storages); i++)
		if (storages[i].addr == map) {
			*ret_bytes = storages[i].value_bytes;
			return &((struct host_thread *)task)->storage[i];
		}
	abort(); /* a map that the lists above do not have */
}

void *bpf_task_storage_get(void *map, struct task_struct *task, void *value, __u64 flags)
{
	size_t bytes;
	void **storage = storage_of(map, task, &bytes);

	if (!*storage && (flags & BPF_LOCAL_STORAGE_GET_F_CREATE) && !machine.faults.storage_full &&
	    machine.faults.empty_storage != map) {
		void (*meanwhile)(void) = value ? machine.faults.meanwhile : NULL;

		if (meanwhile) {
			machine.faults.meanwhile = NULL;
			meanwhile();
		}
		*storage = calloc(1, bytes);
		if (*storage && value)
			memcpy(*storage, value, bytes);
	}
	return *storage;
}

long bpf_task_storage_delete(void *map, struct task_struct *task)
{
	size_t bytes;
	void **storage = storage_of(map, task, &bytes);

	if (!*storage)
		return -ENOENT;
	free(*storage);
	*storage = NULL;
	return 0;
}

/* Descriptors: no number that a file may have. */
#define FIRST_FD 100000

int maps__fd(const void *map)
{
	for (size_t i = 0; i < N(maps); i++)
		if (maps[i].addr == map)
			return FIRST_FD + (int)i;
	for (size_t i = 0; i < N(storages); i++)
		if (storages[i].addr == map)
			return FIRST_FD + (int)(N(maps) + i);
	abort(); /* a map that the lists above do not have */
}

static struct map *map_of_fd(int fd)
{
	const size_t i = (size_t)fd - FIRST_FD;

	return i < N(maps) ? find(maps[i].addr) : NULL;
}

void *maps__values(const void *map)
{
	return find(map)->values;
}

static long read_storage(const struct map *m, uint32_t tid, void *value)
{
	struct host_thread *thread = machine__find_thread(tid);
	const void *storage = thread ? thread->storage[m - storages] : NULL;

	if (!thread)
		return -ESRCH;
	if (!storage)
		return -ENOENT;
	memcpy(value, storage, m->value_bytes);
	return 0;
}

long map_fd__read(int fd, const void *key, void *value)
{
	struct map *m = map_of_fd(fd);
	const size_t storage = (size_t)fd - FIRST_FD - N(maps);
	const void *element;

	if (!m && storage < N(storages))
		return read_storage(&storages[storage], *(const uint32_t *)key, value);
	if (!m)
		return -EBADF;
	element = bpf_map_lookup_elem((void *)m->addr, key);
	if (!element)
		return -ENOENT;
	memcpy(value, element, m->value_bytes);
	return 0;
}

long map_fd__write(int fd, const void *key, const void *value, __u64 flags)
{
	struct map *m = map_of_fd(fd);

	if (!m)
		return -EBADF;
	return m->key_bytes ? bpf_map_update_elem((void *)m->addr, key, value, flags) :
			      bpf_map_push_elem((void *)m->addr, value, flags);
}

long map_fd__remove(int fd, const void *key)
{
	struct map *m = map_of_fd(fd);

	return m ? bpf_map_delete_elem((void *)m->addr, key) : -EBADF;
}

long map_fd__next_key(int fd, const void *key, void *ret_key)
{
	const struct map *m = map_of_fd(fd);
	size_t i = key ? place(m, key) + 1 : 0;

	if (i >= m->n)
		return -ENOENT;
	memcpy(ret_key, m->keys + i * m->key_bytes, m->key_bytes);
	return 0;
}
