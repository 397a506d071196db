/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What libbpf and the verifier say, as messages of -v.
 */
#ifndef LOOPSTALL_PROBE_KERNEL_LOG_H
#define LOOPSTALL_PROBE_KERNEL_LOG_H

#include <bpf/libbpf.h>

/* For libbpf_set_print(). Always 0. */
__attribute__((format(printf, 2, 0))) int kernel_log__print(enum libbpf_print_level level,
							    const char *fmt, va_list args);

/* The last lines of a text of the verifier; it is cut into lines. */
void kernel_log__text(char *text);

#endif
