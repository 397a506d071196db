/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Byte scan first, decoding only of the functions that hold a hit: megabytes of code in a few
 * milliseconds.
 */
#include "process/code_spots.h"

#include <errno.h>

#include "base/work.h"

#define MAX_FUNCTION_BYTES (256U << 10)
#define MAX_CANDIDATES 128 /* decoded for one search: bounds the time a hostile file can cost */

static bool open_cursor(struct elf_image *img, uint64_t vaddr, uint64_t end,
			struct arch_cursor *ret_cursor)
{
	const uint8_t *code;

	if (work_check() || end <= vaddr || end - vaddr > MAX_FUNCTION_BYTES ||
	    !elf_image__is_code(img, vaddr))
		return false;
	code = elf_image__bytes(img, vaddr, end - vaddr, NULL);
	*ret_cursor = (struct arch_cursor){ code, end - vaddr, vaddr };
	return code;
}

static bool confirm(struct elf_image *img, uint64_t vaddr, struct code_call *ret_call)
{
	struct arch_cursor cursor;

	if (elf_image__function_range(img, vaddr, &ret_call->function) ||
	    !open_cursor(img, ret_call->function.start, ret_call->function.end, &cursor))
		return false;
	while (cursor.vaddr <= vaddr && arch_decode(&cursor, &ret_call->insn))
		if (ret_call->insn.vaddr == vaddr)
			return ret_call->insn.is_branch;
	return false;
}

int code_find_branches(struct elf_image *img, const struct arch_callee *callee,
		       struct code_call *calls, size_t max)
{
	const struct elf_segment *segs;
	size_t n_segs = elf_image__segments(img, &segs), found = 0, candidates = 0;

	if (!callee->n_entries && !callee->n_slots)
		return 0;
	for (size_t i = 0; i < n_segs; i++) {
		const uint8_t *code;
		size_t size, pos = 0;

		if (!segs[i].is_code)
			continue;
		code = elf_image__bytes(img, segs[i].vaddr, 1, &size);
		if (!code)
			return -EINVAL;
		for (; found < max && arch_find_branch(code, size, segs[i].vaddr, callee, &pos);
		     pos++)
			if (candidates++ < MAX_CANDIDATES &&
			    confirm(img, segs[i].vaddr + pos, &calls[found]))
				found++;
	}
	return (int)found;
}

int code_branches_of(struct elf_image *img, uint64_t function, struct code_call *calls, size_t max)
{
	struct arch_cursor cursor;
	struct elf_range range;
	size_t n = 0;
	int r = elf_image__function_range(img, function, &range);

	if (r)
		return r;
	if (!open_cursor(img, range.start, range.end, &cursor))
		return -ENOENT;
	while (n < max && arch_decode(&cursor, &calls[n].insn)) {
		calls[n].function = range;
		n += calls[n].insn.branch_target != 0;
	}
	return (int)n;
}

int code_spot_entry(struct elf_image *img, uint64_t function, bool keep_argument,
		    uint64_t *ret_vaddr)
{
	struct arch_cursor cursor;
	struct elf_range range;
	struct arch_insn insn;

	if (elf_image__function_range(img, function, &range) || range.start != function ||
	    !open_cursor(img, range.start, range.end, &cursor))
		return -ENOENT;
	for (int i = 0; i < arch.straight_insns && arch_decode(&cursor, &insn); i++) {
		if (insn.is_emulable) {
			*ret_vaddr = insn.vaddr;
			return 0;
		}
		if (insn.is_branch || (keep_argument && insn.writes_argument))
			break;
	}
	return -ENOENT;
}

int code_spot_behind(struct elf_image *img, const struct code_call *call, bool keep_result,
		     uint64_t *ret_vaddr)
{
	struct arch_cursor cursor;
	struct arch_insn insn;

	if (!open_cursor(img, call->insn.vaddr + call->insn.size, call->function.end, &cursor))
		return -ENOENT;
	for (int i = 0; i < arch.straight_insns && arch_decode(&cursor, &insn); i++) {
		if (insn.is_emulable) {
			*ret_vaddr = insn.vaddr;
			return 0;
		}
		if (insn.is_branch || (keep_result && insn.writes_result))
			break;
	}
	return -ENOENT;
}

bool code_reach__has(const struct code_reach *reach, uint64_t vaddr)
{
	for (size_t i = 0; i < reach->n; i++)
		if (reach->vaddr[i] == vaddr)
			return true;
	return false;
}

static void reach__add_one(struct code_reach *reach, uint64_t vaddr)
{
	if (!code_reach__has(reach, vaddr) && reach->n < CODE_REACH_MAX)
		reach->vaddr[reach->n++] = vaddr;
}

/* Adds where the function at `vaddr` branches to outside itself. True as soon as that is `to`. */
static bool collect(struct elf_image *img, uint64_t vaddr, uint64_t to, struct code_reach *reach)
{
	struct elf_range range;
	struct arch_cursor cursor;
	struct arch_insn insn;

	if (elf_image__function_range(img, vaddr, &range) ||
	    !open_cursor(img, range.start, range.end, &cursor))
		return false;
	while (arch_decode(&cursor, &insn)) {
		if (!insn.branch_target)
			continue;
		if (insn.branch_target == to)
			return true;
		if (insn.branch_target < range.start || insn.branch_target >= range.end)
			reach__add_one(reach, insn.branch_target);
	}
	return false;
}

static bool add_until(struct code_reach *reach, struct elf_image *img, uint64_t from, uint64_t to,
		      int depth)
{
	size_t done = reach->n;

	if (depth <= 0)
		return false;
	if (collect(img, from, to, reach))
		return true;
	while (--depth > 0)
		for (size_t end = reach->n; done < end; done++)
			if (collect(img, reach->vaddr[done], to, reach))
				return true;
	return false;
}

void code_reach__add(struct code_reach *reach, struct elf_image *img, uint64_t from, int depth)
{
	reach__add_one(reach, from);
	add_until(reach, img, from, 0, depth);
}

bool code_reaches(struct elf_image *img, uint64_t from, uint64_t to, int depth)
{
	struct code_reach reach = { .n = 0 };

	return add_until(&reach, img, from, to, depth);
}
