/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Native code by name, read from the very files that the target has mapped.
 */
#include "symbol/native.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/table.h"
#include "base/time.h"
#include "arch/arch.h"
#include "base/utf8.h"
#include "symbol/demangle.h"
#include "symbol/modules.h"
#include "symbol/unwind.h"

#define REREAD_NS NS_PER_S /* at most one look at the maps of a process in this time */
#define MAX_PLACES 4096
#define MAX_SYMBOL_BYTES 1025 /* those of C++ are long until they are demangled */
#define MAX_NAME_BYTES 256

struct place_key {
	uint64_t dev, inode, offset;
};

struct place {
	struct place_key key;
	const char *name; /* of the pool */
	UT_hash_handle hh;
};

/* Where a frame is: at an instruction, or behind the call that has not returned. */
struct frame_at {
	uint64_t ip;
	bool is_exact;
};

struct native {
	struct place *places; /* oldest first */
	struct strings *strings;
	struct modules *modules;
};

int native__new(struct native **ret_native, struct strings *strings)
{
	_cleanup_(native__freep) struct native *n = calloc(1, sizeof(*n));
	int r;

	if (!n)
		return -ENOMEM;
	n->strings = strings;
	r = modules__new(&n->modules);
	if (r < 0)
		return r;
	*ret_native = TAKE_PTR(n);
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
	HASH_ITER (hh, n->places, place, next)
		native__drop(n, place);
	modules__free(n->modules);
	free(n);
}

void native_maps__done(struct native_maps *maps)
{
	execmap__done(&maps->map);
	maps->read_ns = 0;
}

/* A process that has ended keeps its last maps. */
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

static uint64_t offset_of(const struct execmap_range *range, uint64_t ip)
{
	return ip - range->start + range->offset;
}

/* Name of the function; "" if no symbol covers the place. */
static void native__symbol(struct native *n, pid_t pid, const struct execmap_range *range,
			   uint64_t ip, char name[MAX_SYMBOL_BYTES])
{
	const struct module *module = modules__get(n->modules, pid, range);
	uint64_t vaddr;

	if (!module->symbols || elfsym__vaddr(module->symbols, offset_of(range, ip), &vaddr) < 0 ||
	    elfsym__name(module->symbols, vaddr, name, MAX_SYMBOL_BYTES) < 0)
		name[0] = '\0';
}

static const char *native__describe(struct native *n, pid_t pid, const struct execmap_range *range,
				    uint64_t ip, const struct place_key *key)
{
	char module[MAX_NAME_BYTES], function[MAX_NAME_BYTES], name[2 * MAX_NAME_BYTES + 32];
	char symbol[MAX_SYMBOL_BYTES];
	const char *pooled;

	module_name(range, module, sizeof(module));
	native__symbol(n, pid, range, ip, symbol);
	demangle(symbol, function, sizeof(function));
	if (*function)
		snprintf(name, sizeof(name), "%s:%s", module, function);
	else
		snprintf(name, sizeof(name), "%s+0x%" PRIx64, module, key->offset);
	pooled = strings__intern(n->strings, name);
	native__remember(n, key, pooled);
	return pooled;
}

static const struct execmap_range *find_range(struct native_maps *maps, pid_t pid, uint64_t ip,
					      uint64_t now_ns)
{
	const struct execmap_range *range = execmap__find(&maps->map, ip);

	if (!range || !maps->read_ns) {
		native_maps__reread(maps, pid, now_ns);
		range = execmap__find(&maps->map, ip);
	}
	return range && range->path[0] ? range : NULL;
}

const char *native__name(struct native *n, struct native_maps *maps, pid_t pid, uint64_t ip,
			 uint64_t now_ns)
{
	const struct execmap_range *range = find_range(maps, pid, ip, now_ns);
	struct place_key key;
	struct place *place;

	if (!range)
		return NULL;
	key = (struct place_key){
		.dev = (uint64_t)range->dev_major << 32 | range->dev_minor,
		.inode = range->inode,
		.offset = offset_of(range, ip),
	};
	HASH_FIND(hh, n->places, &key, sizeof(key), place);
	if (place)
		return place->name;
	return native__describe(n, pid, range, ip, &key);
}

/*
 * Newer interpreters may be built with a function for each instruction, or with the larger part of
 * the evaluation function split off: both have no names in a stripped file.
 */
#define WHOLE_EVALUATOR_BYTES 16384

/* May a function without a name in this module be a part of the evaluation function? */
static bool may_run_frames(struct native *n, pid_t pid, const struct execmap_range *range,
			   const struct native_bounds *bounds)
{
	struct module *module = modules__get(n->modules, pid, range);

	if (module->split != SPLIT_UNKNOWN || !module->symbols)
		return module->split == SPLIT_YES;
	module->split = SPLIT_NO;
	for (const char *const *name = bounds->inside; *name; name++) {
		const uint64_t bytes = elfsym__function_bytes(module->symbols, *name);

		if (bytes && bytes < WHOLE_EVALUATOR_BYTES)
			module->split = SPLIT_YES;
	}
	return module->split == SPLIT_YES;
}

/* Is it one of these functions, or a part that the compiler split off? */
static bool is_one_of(const char *const *names, const char *name)
{
	const size_t n = strcspn(name, ".");

	for (; n && names && *names; names++)
		if (strlen(*names) == n && !strncmp(*names, name, n))
			return true;
	return false;
}

static int step(struct native *n, pid_t pid, const struct execmap_range *range, uint64_t lookup,
		const struct unwind_stack *stack, struct unwind_regs *regs, struct frame_at *at)
{
	const struct module *module = modules__get(n->modules, pid, range);
	struct cfi_row row;
	uint64_t vaddr;
	int r;

	if (!module->cfi || !module->symbols)
		return -ENOENT;
	r = elfsym__vaddr(module->symbols, offset_of(range, lookup), &vaddr);
	if (r >= 0)
		r = cfi__row(module->cfi, vaddr, &row);
	if (r >= 0)
		r = unwind__step(&row, stack, arch.copy_sp, regs, &at->ip);
	at->is_exact = r >= 0 && row.is_signal;
	return r;
}

/* The frames up to the evaluation function; LS_NATIVE_CUT if that was not reached. */
int native__unwind(struct native *n, struct native_maps *maps, const struct ls_rec_copy *copy,
		   const struct native_bounds *bounds, uint64_t now_ns, uint64_t ips[LS_MAX_NATIVE],
		   bool *ret_is_cut)
{
	const pid_t pid = (pid_t)copy->hdr.tgid;
	const struct unwind_stack stack = { copy->regs[arch.copy_sp] - LS_COPY_BELOW, copy->bytes,
					    copy->n_bytes };
	struct unwind_regs regs = { .unknown = ~0ULL << arch.copy_regs };
	struct frame_at at = { .ip = copy->regs[arch.copy_ip], .is_exact = true };
	char name[MAX_SYMBOL_BYTES];
	int n_ips = 0;

	memcpy(regs.values, copy->regs, sizeof(regs.values));
	*ret_is_cut = true;
	while (n_ips < LS_MAX_NATIVE) {
		/* A return address may be that of the next function already. */
		const uint64_t ip = at.is_exact ? at.ip : at.ip - 1;
		const struct execmap_range *range = find_range(maps, pid, ip, now_ns);

		if (range)
			native__symbol(n, pid, range, ip, name);
		if (range && is_one_of(bounds->inside, name)) {
			*ret_is_cut = false;
			return n_ips;
		}
		/* A part of the evaluation function that has no name: it was the last one. */
		if (range && is_one_of(bounds->outside, name)) {
			*ret_is_cut = false;
			return n_ips ? n_ips - 1 : 0;
		}
		if (range && !*name && may_run_frames(n, pid, range, bounds))
			break;
		ips[n_ips++] = ip;
		if (!range || step(n, pid, range, ip, &stack, &regs, &at) < 0)
			break;
	}
	return n_ips;
}
