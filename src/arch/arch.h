/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What depends on the processor: relocation types, instruction decoding, which instructions the
 * kernel emulates at a uprobe, shape of PLT stubs, sizes inside the C library's thread types, and
 * instructions of our own that are probed to learn what a hit costs. ARCH.c of the architecture
 * that is built for defines all of this and names its sources; nothing else in src/ depends on the
 * architecture. The kernel side: bpf/arch/.
 */
#ifndef LOOPSTALL_ARCH_ARCH_H
#define LOOPSTALL_ARCH_ARCH_H

/* One row for each ARCH.c: 64 bits, pointers of 64 bits, little-endian. */
#if (!defined(__x86_64__) && !defined(__aarch64__)) || defined(__ILP32__) ||                       \
	__BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "loopstall does not support this architecture: add src/arch/ARCH.c and bpf/arch/ARCH.h"
#endif

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Addresses, sizes and types are those of the target, which is built for the same architecture. */
struct arch {
	const char *name; /* in messages: "which is not built for NAME" */
	/* For people, if the kernel has to step some: what that costs, as far as it was measured.
	 */
	const char *stepping_note;
	uint16_t elf_machine; /* EM_... of <elf.h> */
	uint32_t reloc_relative, reloc_abs; /* pointers in data: base + addend, symbol + addend */
	uint32_t reloc_jump_slot, reloc_glob_dat; /* import slots */
	/*
	 * Thread-local variables: their offset from the thread pointer, the number of their module
	 * with their offset in its block behind it, their descriptor (TLSDESC).
	 */
	uint32_t reloc_tls_offset, reloc_tls_module, reloc_tls_desc;
	/* The program's block lies so far above the thread pointer; 0: below it. */
	uint8_t tls_gap;
	const char *const *plt_sections; /* that may hold stubs of imports; NULL ends them */
	uint16_t pthread_tid_offset; /* of the kernel's thread id, behind glibc's pthread_self() */
	uint16_t cond_bytes, mutex_bytes; /* sizeof pthread_cond_t, pthread_mutex_t */
	/* Where copies of registers have these (regs_copy() of bpf/arch), and how many they are. */
	uint8_t copy_sp, copy_ip, copy_regs;
	/*
	 * Does the search for a spot behind a poll end where the register of the poll's result is
	 * overwritten? That keeps the spot close to the poll. False where the result and the first
	 * argument share a register: the next call, which takes a lock, is the spot.
	 */
	bool is_poll_result_kept;
	/*
	 * May several threads load programs at once? Observed: Debian's 6.12 for arm64, emulated
	 * with one CPU, came to no end; with several it was not tried.
	 */
	bool loads_side_by_side;
	/* How many instructions a search for a spot looks at, from an entry or a call on. */
	uint8_t straight_insns;
	/* Which bits of a return address may sign it: those that no address of code has; 0: none.
	 */
	uint64_t signature_bits;
};

extern const struct arch arch;

struct arch_insn {
	uint64_t vaddr;
	uint64_t branch_target; /* of a direct jump or call, else 0 */
	uint8_t size;
	bool is_emulable; /* the kernel emulates it at a uprobe: no single step */
	bool is_call, is_branch; /* is_branch: any control transfer, calls included */
	bool writes_argument; /* changes the register of a function's first argument */
	bool writes_result; /* changes the register that holds a function's result */
};

/* A stretch of code that is being decoded from its beginning. */
struct arch_cursor {
	const uint8_t *code;
	size_t size;
	uint64_t vaddr;
};

/* Decodes one instruction and moves on. False at the end or when the bytes are no instruction. */
bool arch_decode(struct arch_cursor *cursor, struct arch_insn *ret_insn);

bool arch_is_emulable(const uint8_t *insn, size_t size);
/* Bytes of a landing pad (endbr64, bti) at a function's entry, which a probe may be moved past. */
size_t arch_landing_pad_bytes(const uint8_t *code, size_t size);

/* How a function may be called: directly at one of `entries`, or through an import slot. */
#define ARCH_CALLEE_MAX 8
struct arch_callee {
	uint64_t entries[ARCH_CALLEE_MAX];
	uint64_t slots[ARCH_CALLEE_MAX];
	size_t n_entries, n_slots;
};

/*
 * Bytes at or behind *pos that look like a call (or jump) of the callee; moves *pos to them. They
 * may lie in the middle of another instruction; only decoding from the start of the function shows
 * that.
 */
bool arch_find_branch(const uint8_t *code, size_t size, uint64_t vaddr,
		      const struct arch_callee *callee, size_t *pos);
/* Finds the PLT stub that jumps through `slot`. */
bool arch_find_stub(const uint8_t *code, size_t size, uint64_t vaddr, uint64_t slot,
		    uint64_t *ret_stub);

/*
 * An instruction of our own that gets a probe, to learn what a hit costs (probe/calibrate.c). It
 * must be of a kind that spots in targets have, and emulable. `probed` executes it once; `twin` is
 * the same code and never gets a probe.
 */
struct arch_own_spot {
	void (*probed)(void), (*twin)(void);
	const char *instruction; /* in `probed` */
};

extern const struct arch_own_spot arch_own_call, arch_own_jump;
/*
 * Runs a jump in each of 1024 cache lines, in an order that is not that of their addresses: between
 * two hits, it stands for the code that an interpreter runs.
 */
void arch_run_much_code(void);

#endif
