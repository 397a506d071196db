/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What of a stall is charged to which finding: the time that the host took, and of the rest each
 * cause, and each line that blocked, that alone would have been a stall.
 */
#ifndef LOOPSTALL_MODEL_FINDING_PARTS_H
#define LOOPSTALL_MODEL_FINDING_PARTS_H

#include <stddef.h>

#include "model/lint_rules.h"
#include "model/stall.h"

#define FINDING_MAX_PARTS (1 + STALL_MAX_SHARES)

struct finding_part {
	const struct stall *stall;
	const struct rule *rule; /* NULL: none */
	enum ls_cause cause;
	enum sign sign;
	uint64_t ns, starved_ns;
	double seen_ns; /* of `ns`, at the place */
	struct model_frame at;
	uint32_t key_line; /* tells places of a function apart */
	bool is_longest_wait; /* the stall's system call is of this part, if it blocks */
};

/* `cause`: that of the stall; of an open one, that of its time so far. Returns how many, at
 * least 1. */
size_t finding_parts__of(const struct stall *stall, enum ls_cause cause,
			 struct finding_part parts[FINDING_MAX_PARTS]);

enum rule_subject finding_part__subject(const struct finding_part *part);

#endif
