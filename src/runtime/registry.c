/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The list of runtimes. It is resolved by the linker, so that no folder below a runtime includes
 * anything of it.
 */
#include "runtime/runtime.h"

const struct runtime_ops *const runtimes[] = {
#define _(id, name) &runtime_##name,
	RUNTIMES(_)
#undef _
		NULL,
};
