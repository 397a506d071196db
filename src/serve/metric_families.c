/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * See metric_families.h.
 */
#include "serve/metric_families.h"

const struct exposition_family metric_families[METRIC_MAX] = {
#define _(name, text, type, unit, help) [METRIC_##name] = { text, EXPOSITION_##type, unit, help },
	METRICS(_)
#undef _
};
