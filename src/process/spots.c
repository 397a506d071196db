/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A poll is known by its import, a name look-up by the symbol that the C library exports.
 */
#include "process/spots.h"

#include <errno.h>
#include <stdlib.h>

#include "base/array.h"
#include "process/code_spots.h"

#define MAX_CALLS 32

int spots__add(struct spots *s, struct elf_image *img, uint64_t vaddr, enum ls_spot kind,
	       bool is_emulable)
{
	uint64_t offset;
	int r = elf_image__file_offset(img, vaddr, &offset);

	if (r)
		return r;
	for (size_t i = 0; i < s->n; i++)
		if (s->at[i].file_offset == offset && s->at[i].kind == kind)
			return 0;
	r = ARRAY_RESERVE(s->at, s->size, s->n + 1);
	if (r)
		return r;
	s->at[s->n++] = (struct target_spot){
		.file_offset = offset,
		.vaddr = vaddr,
		.kind = kind,
		.is_emulable = is_emulable,
	};
	return 0;
}

void spots__done(struct spots *s)
{
	free(s->at);
	*s = (struct spots){ 0 };
}

/* As close behind the poll as its architecture has it, else some instructions further on. */
static int spot_behind_poll(struct elf_image *img, const struct code_call *call,
			    uint64_t *ret_vaddr)
{
	const int r = code_spot_behind(img, call, arch.is_poll_result_kept, ret_vaddr);

	return r ? code_spot_behind(img, call, false, ret_vaddr) : 0;
}

static int add_returns(struct spots *s, struct elf_image *img, const char *const *names, size_t n,
		       enum ls_spot kind)
{
	struct arch_callee poll = { .n_entries = 0 };
	struct code_call calls[MAX_CALLS];
	int n_calls, r = 0;

	for (size_t i = 0; i < n; i++)
		elf_image__add_import(img, names[i], &poll);
	if (!poll.n_slots)
		return 0;
	n_calls = code_find_branches(img, &poll, calls, MAX_CALLS);
	for (int i = 0; !r && i < n_calls; i++) {
		uint64_t behind;

		if (calls[i].insn.is_call && !spot_behind_poll(img, &calls[i], &behind))
			r = spots__add(s, img, behind, kind, true);
	}
	return n_calls < 0 ? n_calls : r;
}

int spots__add_polls(struct spots *s, struct elf_image *img)
{
	static const char *const names[] = { "epoll_wait", "epoll_pwait", "epoll_pwait2" };

	return add_returns(s, img, names, N_OF(names), LS_SPOT_POLL_RETURN);
}

int spots__add_plain_polls(struct spots *s, struct elf_image *img)
{
	static const char *const names[] = { "poll",	    "ppoll",  "__poll_chk",
					     "__ppoll_chk", "select", "pselect" };

	return add_returns(s, img, names, N_OF(names), LS_SPOT_PLAIN_POLL_RETURN);
}

int spots__add_dns(struct spots *s, struct elf_image *img)
{
	static const char *const names[] = { "getaddrinfo", "getnameinfo", "gethostbyname_r",
					     "gethostbyaddr_r", "gethostbyname2_r" };
	int r = 0;

	for (size_t i = 0; !r && i < N_OF(names); i++) {
		struct elf_symbol symbol;
		struct arch_cursor cursor;
		struct arch_insn insn;
		size_t skip;

		if (elf_image__exported(img, names[i], &symbol) || !symbol.is_function ||
		    !elf_image__is_code(img, symbol.vaddr))
			continue;
		cursor.code = elf_image__bytes(img, symbol.vaddr, 1, &cursor.size);
		if (!cursor.code)
			continue;
		skip = arch_landing_pad_bytes(cursor.code, cursor.size);
		cursor = (struct arch_cursor){ cursor.code + skip, cursor.size - skip,
					       symbol.vaddr + skip };
		if (arch_decode(&cursor, &insn))
			r = spots__add(s, img, insn.vaddr, LS_SPOT_DNS_ENTER, insn.is_emulable);
	}
	return r;
}
