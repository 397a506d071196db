/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The capabilities that matter to this tool: which of them the process has, what each is for.
 *
 * PRIVS(_) : _(NAME, is_required, "what for")
 */
#ifndef LOOPSTALL_APP_PRIVS_H
#define LOOPSTALL_APP_PRIVS_H

#include <stdbool.h>
#include <stddef.h>

#define PRIVS(_)                                                                                   \
	_(BPF, true, "load BPF programs and maps")                                                 \
	_(PERFMON, true, "attach probes and the CPU sampler")                                      \
	_(SYS_PTRACE, true, "read the memory of other users' processes")                           \
	_(SYS_ADMIN, false, "uprobes on kernels before 6.6")                                       \
	_(DAC_READ_SEARCH, false, "open program files their owner does not let others read")

enum priv {
#define _(name, is_required, sentence) PRIV_##name,
	PRIVS(_)
#undef _
		PRIV_MAX
};

struct priv_info {
	const char *name; /* "CAP_BPF" */
	const char *sentence;
	bool is_required;
};

extern const struct priv_info priv_infos[PRIV_MAX];

/* Whether the capability, or one that includes it, is effective. */
bool priv_is_effective(enum priv priv);

/* "CAP_BPF, CAP_PERFMON": the required ones that are missing, "" for none. */
void privs_missing(char *buf, size_t size);

#endif
