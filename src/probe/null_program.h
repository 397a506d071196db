/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A program that does nothing, to try things with.
 */
#ifndef LOOPSTALL_PROBE_NULL_PROGRAM_H
#define LOOPSTALL_PROBE_NULL_PROGRAM_H

#include <stdint.h>

#include <bpf/bpf.h>

/* A descriptor or -errno. */
static inline int null_program(enum bpf_prog_type type, uint32_t attach_type)
{
	const struct bpf_insn insns[] = {
		{ .code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0 },
		{ .code = BPF_JMP | BPF_EXIT },
	};
	LIBBPF_OPTS(bpf_prog_load_opts, opts, .expected_attach_type = attach_type);

	return bpf_prog_load(type, "loopstall_null", "Dual BSD/GPL", insns, 2, &opts);
}

#endif
