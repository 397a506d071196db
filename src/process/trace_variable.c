/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Where the threads of a target keep the pointer to their trace context
 * (loopstall/trace_context.h). Sources: OTEP 4947, "Thread-Local Variable Resolution"; ELF Handling
 * for Thread-Local Storage; glibc elf/dl-tls.c and dl-tlsdesc.h of each architecture (what the
 * loader writes into the slots).
 */
#include <elf.h>
#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include "arch/arch.h"
#include "base/cleanup.h"
#include "process/examine.h"

/* Of an offset from the thread pointer: all modules loaded at the start lie within it. */
#define MAX_STATIC (1 << 20)
#define HEAD_BYTES 1024 /* of a file, with room for 17 program headers */
#define MAX_SEGMENTS 8 /* mappings of one file, one behind the other */
#define MAX_FILES 32 /* with thread-local variables; a usual process has five */

/*
 * Is this the beginning of a file that has code further on? Nothing else is touched: a page of
 * shared memory or of a mapped file may be one that has to be fetched, by the target perhaps.
 */
static bool begins_code(const struct maps *maps, size_t i)
{
	const struct map_entry *first = &maps->entries[i], *map;

	if (first->offset)
		return false;
	for (size_t k = i; k < maps->n && k < i + MAX_SEGMENTS; k++) {
		map = &maps->entries[k];
		if (map->ino != first->ino || map->dev != first->dev)
			return false;
		if (map->is_executable)
			return true;
	}
	return false;
}

/* Has the file that begins here thread-local variables? Few have, and no other is opened. */
static bool has_variables(const struct examination *x, const struct map_entry *map)
{
	uint8_t head[HEAD_BYTES];
	Elf64_Ehdr ehdr;
	Elf64_Phdr phdr;

	if (map->end - map->start < sizeof(head) ||
	    target__read(x->t, map->start, head, sizeof(head)))
		return false;
	memcpy(&ehdr, head, sizeof(ehdr));
	if (memcmp(ehdr.e_ident, ELFMAG, SELFMAG) || ehdr.e_phentsize != sizeof(phdr))
		return false;
	for (uint64_t i = 0, at = ehdr.e_phoff;
	     i < ehdr.e_phnum && at <= sizeof(head) - sizeof(phdr); i++, at += sizeof(phdr)) {
		memcpy(&phdr, head + at, sizeof(phdr));
		if (phdr.p_type == PT_TLS)
			return true;
	}
	return false;
}

static uint64_t round_up(uint64_t value, uint64_t align)
{
	return (value + align - 1) / align * align;
}

/* The program's own block is next to the thread pointer. */
static void place_direct(const struct elf_tls *tls, struct ls_trace_variable *ret)
{
	ret->place = LS_TRACE_STATIC;
	ret->offset = tls->offset +
		(arch.tls_gap ? round_up(arch.tls_gap, tls->block_align) :
				0 - round_up(tls->block_bytes, tls->block_align));
}

/*
 * The C library numbers the modules, and each thread has a vector of their blocks: glibc's layout
 * is known.
 */
static bool place_dynamic(const struct examination *x, const struct elf_tls *tls,
			  const uint64_t index[2], struct ls_trace_variable *ret)
{
	if (!index[0] || index[0] > LS_TRACE_MODULES || index[1] != tls->offset ||
	    maps__find_name(x->maps, "ld-musl-"))
		return false;
	*ret = (struct ls_trace_variable){ .place = LS_TRACE_DYNAMIC,
					   .module = (uint32_t)index[0],
					   .offset = index[1] };
	return true;
}

static bool place_static(uint64_t offset, struct ls_trace_variable *ret)
{
	if (!offset || offset + MAX_STATIC > 2 * MAX_STATIC)
		return false;
	*ret = (struct ls_trace_variable){ .place = LS_TRACE_STATIC, .offset = offset };
	return true;
}

static bool place(const struct examination *x, const struct elf_tls *tls, uint64_t bias,
		  struct ls_trace_variable *ret)
{
	uint64_t slot[2], index[2];

	if (tls->access == ELF_TLS_DIRECT) {
		place_direct(tls, ret);
		return true;
	}
	if (target__read(x->t, bias + tls->slot, slot, sizeof(slot)))
		return false;
	if (tls->access == ELF_TLS_OFFSET)
		return place_static(slot[0], ret);
	if (tls->access == ELF_TLS_MODULE)
		return place_dynamic(x, tls, slot, ret);
	/* The argument of a descriptor: the offset itself, or where it and the module are. */
	return place_static(slot[1], ret) ||
		(!target__read(x->t, slot[1], index, sizeof(index)) &&
		 place_dynamic(x, tls, index, ret));
}

bool examine_trace(struct examination *x)
{
	size_t n = 0;

	x->t->proc.trace.place = LS_TRACE_NONE;
	for (size_t i = 0; i < x->maps->n && n < MAX_FILES; i++) {
		_cleanup_(module_file__done) struct module_file file = { 0 };
		const struct map_entry *map = &x->maps->entries[i];
		struct elf_tls tls;

		if (!begins_code(x->maps, i) || !has_variables(x, map) || !++n ||
		    module_file__open(&file, x->t->pid, map) ||
		    elf_image__thread_local(file.img, LS_TRACE_VARIABLE, &tls) ||
		    (tls.access == ELF_TLS_DIRECT && strcmp(map->path, x->t->exe)))
			continue;
		return place(x, &tls, module_bias(x->maps, map, file.img), &x->t->proc.trace);
	}
	return true;
}
