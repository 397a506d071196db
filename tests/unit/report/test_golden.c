/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Every format of one run, byte for byte as in tests/golden/, where others' programs look at them
 * (tests/formats/). GOLDEN_WRITE=1 writes the files anew.
 */
#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "report/golden.h"
#include "report/golden_file.h"
#include "report/stalls.h"

static char *golden_text(const char *format, size_t *ret_size)
{
	const struct report_opts opts = { .mode = "exact" };
	static struct golden g;
	struct report_text t;
	char *text;

	golden_init(&g);
	cr_assert_eq(g.n_stalls, GOLDEN_STALLS);
	report_text_init(&t, format, &opts);
	cr_assert_eq(report__start(t.report, &g.start), 0);
	for (size_t i = 0; i < g.n_stalls; i++)
		cr_assert_eq(report__stall(t.report, &g.stalls[i]), 0);
	cr_assert_eq(report__finish(t.report, &g.snapshot, &g.run), 0);
	text = report_text_end(&t);
	*ret_size = t.size;
	golden_done(&g);
	return text;
}

Test(golden, every_format)
{
	char path[64];
	size_t size;

	for (size_t i = 0; i < n_report_formats; i++) {
		char *text = golden_text(report_formats[i].name, &size);

		snprintf(path, sizeof(path), "tests/golden/report.%s", report_formats[i].extension);
		golden_compare(path, text, size);
		free(text);
	}
}

Test(golden, the_same_run_gives_the_same_bytes)
{
	size_t size[2];

	for (size_t i = 0; i < n_report_formats; i++) {
		char *a = golden_text(report_formats[i].name, &size[0]);
		char *b = golden_text(report_formats[i].name, &size[1]);

		cr_expect_eq(size[0], size[1], "%s", report_formats[i].name);
		cr_expect_eq(memcmp(a, b, size[0]), 0, "%s", report_formats[i].name);
		free(a);
		free(b);
	}
}

Test(golden, a_run_without_stalls_is_a_complete_file)
{
	const struct report_opts opts = { .mode = "exact" };
	const struct report_start start = {
		"0.1", 10 * MS, MS, "uprobe_multi", 0, NULL, NULL, NULL
	};
	const struct snapshot snap = { 0 };
	const struct report_run run = { .no_steps_reason = "no event loop ran" };

	for (size_t i = 0; i < n_report_formats; i++) {
		struct report_text t;

		report_text_init(&t, report_formats[i].name, &opts);
		cr_expect_eq(report__start(t.report, &start), 0);
		cr_expect_eq(report__finish(t.report, &snap, &run), 0);
		free(report_text_end(&t));
	}
}

Test(golden, names_and_extensions_are_told_apart)
{
	for (size_t i = 0; i < n_report_formats; i++) {
		cr_expect_eq(report__by_name(report_formats[i].name), &report_formats[i]);
		for (size_t k = 0; k < i; k++)
			cr_expect_str_neq(report_formats[i].extension, report_formats[k].extension);
	}
	cr_expect_null(report__by_name("nonsense"));
}

/* A full disk, or a reader that has gone. */
Test(golden, every_format_says_that_it_could_not_write)
{
	const struct report_opts opts = { .mode = "exact" };
	static struct golden g;

	golden_init(&g);
	for (size_t i = 0; i < n_report_formats; i++) {
		FILE *out = fopen("/dev/full", "w");
		struct report *report;
		int r, e;

		cr_assert_not_null(out);
		cr_assert_eq(report__new(&report, &report_formats[i], out, &opts), 0);
		r = report__start(report, &g.start);
		e = report__stall(report, &g.stalls[0]);
		r = r < 0 ? r : e;
		e = report__finish(report, &g.snapshot, &g.run);
		r = r < 0 ? r : e;
		cr_expect_eq(r, -ENOSPC, "%s: %d", report_formats[i].name, r);
		report__free(report);
		fclose(out);
	}
	golden_done(&g);
}
