/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * libbpf's header of the same name: no relocation, the host's kernel has every field. A read
 * through an address that faults yields 0, as in the kernel.
 */
#ifndef LOOPSTALL_TESTS_BPF_CORE_READ_H
#define LOOPSTALL_TESTS_BPF_CORE_READ_H

#include <bpf/bpf_helpers.h>

#define bpf_core_field_exists(...) 1
#define bpf_core_type_exists(...) 1
#define bpf_core_enum_value_exists(...) 1
#define bpf_core_type_size(type) sizeof(type)
#define bpf_core_field_offset(type, field) offsetof(type, field)

#define CORE_READ_1(p, field)                                                                      \
	({                                                                                         \
		__typeof__((p)->field) core_value;                                                 \
		bpf_probe_read_kernel(                                                             \
			&core_value, sizeof(core_value),                                           \
			(const void *)((unsigned long)(p) + offsetof(__typeof__(*(p)), field)));   \
		core_value;                                                                        \
	})
#define CORE_READ_2(p, first, second)                                                              \
	({                                                                                         \
		__typeof__((p)->first) core_first = CORE_READ_1(p, first);                         \
		CORE_READ_1(core_first, second);                                                   \
	})
#define CORE_READ_3(p, first, second, third)                                                       \
	({                                                                                         \
		__typeof__(((p)->first)->second) core_second = CORE_READ_2(p, first, second);      \
		CORE_READ_1(core_second, third);                                                   \
	})
#define CORE_READ_N(_1, _2, _3, _4, read, ...) read
#define BPF_CORE_READ(...)                                                                         \
	CORE_READ_N(__VA_ARGS__, CORE_READ_3, CORE_READ_2, CORE_READ_1)(__VA_ARGS__)

#endif
