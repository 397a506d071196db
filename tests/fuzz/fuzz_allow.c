/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Files of what `check` allows, and patterns of limits.
 */
#include "check/allow.h"
#include "check/limits.h"
#include "tests/fuzz/fuzz.h"

static const struct check_names names = { .coroutine = "Exporter.run",
					  .task = "Task-7",
					  .function = "fetch_row",
					  .coroutine_file = "app/web.py",
					  .file = "app/db.py",
					  .line = 31 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = fuzz_text(data, size);
	struct check_step_limits limits = {};
	struct check_limits all;
	struct check_allow a;
	struct err err = {};

	check_allow__init(&a, "2026-11-28");
	if (!check_allow__parse(&a, text, "allow", &err))
		check_allow__fits(&a, &names);
	else
		fuzz_check(err.what[0]);
	check_allow__done(&a);
	check_limits__init(&all);
	check_limits__deny(&all, text, &err);
	check_step_limits__add(&limits, text, strlen(text), 1, &err);
	check_step_limits__find(&limits, &names);
	all.max_step = limits;
	check_limits__done(&all);
	free(text);
	return 0;
}
