/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Finds calls in machine code and the instructions around them that a probe may sit on. A candidate
 * found by its bytes counts only once decoding from the start of its function arrives at it: a
 * breakpoint in the middle of an instruction would kill the target.
 */
#ifndef LOOPSTALL_PROCESS_CODE_SPOTS_H
#define LOOPSTALL_PROCESS_CODE_SPOTS_H

#include "process/elf_image.h"

struct code_call {
	struct arch_insn insn;
	struct elf_range function;
};

/*
 * Confirmed direct branches to `callee`, calls and tail jumps. Returns their number (at most max)
 * or -errno.
 */
int code_find_branches(struct elf_image *img, const struct arch_callee *callee,
		       struct code_call *calls, size_t max);

/*
 * Direct branches in the function that begins at `function`. Returns their number (at most max) or
 * -errno.
 */
int code_branches_of(struct elf_image *img, uint64_t function, struct code_call *calls, size_t max);

/*
 * First emulable instruction that every call of the function at `function` executes. With
 * `keep_argument` the first argument must still be in its register there. -ENOENT if there is none.
 */
int code_spot_entry(struct elf_image *img, uint64_t function, bool keep_argument,
		    uint64_t *ret_vaddr);

/*
 * First emulable instruction that straight-line execution meets behind a call. With `keep_result`
 * the call's result must still be in its register there. -ENOENT if there is none within a few
 * instructions.
 */
int code_spot_behind(struct elf_image *img, const struct code_call *call, bool keep_result,
		     uint64_t *ret_vaddr);

#define CODE_REACH_MAX 256

/* The functions that code reaches by direct calls and jumps; incomplete once the array is full. */
struct code_reach {
	size_t n;
	uint64_t vaddr[CODE_REACH_MAX];
};

/*
 * Adds the function at `from` and what it leads to through at most `depth` direct calls or jumps.
 */
void code_reach__add(struct code_reach *reach, struct elf_image *img, uint64_t from, int depth);
bool code_reach__has(const struct code_reach *reach, uint64_t vaddr);

/* Whether code at `from` leads to `to` that way. */
bool code_reaches(struct elf_image *img, uint64_t from, uint64_t to, int depth);

#endif
