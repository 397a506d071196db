/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A program that does nothing, to try things with.
 */
#ifndef LOOPSTALL_PROBE_NULL_PROGRAM_H
#define LOOPSTALL_PROBE_NULL_PROGRAM_H

#include <stdint.h>

#include <bpf/bpf.h>

#define NULL_PROGRAM_LICENSE "Dual BSD/GPL" /* as all programs of the kernel side */
#define NULL_PROGRAM_INSNS 2

static const struct bpf_insn null_program_insns[NULL_PROGRAM_INSNS] = {
	{ .code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0 },
	{ .code = BPF_JMP | BPF_EXIT },
};

/* A descriptor or -errno. */
static inline int null_program(enum bpf_prog_type type, uint32_t attach_type)
{
	LIBBPF_OPTS(bpf_prog_load_opts, opts, .expected_attach_type = attach_type);

	return bpf_prog_load(type, "loopstall_null", NULL_PROGRAM_LICENSE, null_program_insns,
			     NULL_PROGRAM_INSNS, &opts);
}

#endif
