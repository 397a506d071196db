/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * libbpf's header of the same name: a tracepoint program is a function with the tracepoint's
 * arguments.
 */
#ifndef LOOPSTALL_TESTS_BPF_TRACING_H
#define LOOPSTALL_TESTS_BPF_TRACING_H

#define BPF_PROG(name, args...) name(unsigned long long *ctx __attribute__((unused)), ##args)

#endif
