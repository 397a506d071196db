/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Commands that need no kernel, run on a recording: their output, their messages, their exit codes.
 */
#include <jansson.h>

#include "base/exit.h"
#include "command_run.h"
#include "record/tape.h"
#include "report/diff.h"
#include "report/report.h"

/* A recording of some seconds with `stalls` stalls in each quarter of a second. */
static void record(struct tape *t, uint64_t stalls)
{
	tape_begin(t, 0, 0);
	for (int i = 0; i < 12; i++)
		tape_round(t, stalls);
	tape_end(t);
}

/* The same, cut off as by a killed recorder. */
static void record_cut(struct tape *t)
{
	struct stat st;

	record(t, 2);
	cr_assert_eq(stat(t->path, &st), 0);
	cr_assert_eq(truncate(t->path, st.st_size * 2 / 3), 0);
}

Test(app_commands, report_in_every_format)
{
	struct run run;
	struct tape t;

	record(&t, 2);
	for (size_t i = 0; i < n_report_formats; i++) {
		run = RUN("report", t.path, "-f", report_formats[i].name);
		cr_expect_eq(run.code, EXIT_FINE, "%s", report_formats[i].name);
		cr_expect_str_not_empty(run.out, "%s", report_formats[i].name);
		cr_expect_str_empty(run.err, "%s: %s", report_formats[i].name, run.err);
		run_done(&run);
	}
	tape_done(&t);
}

Test(app_commands, report_to_a_file_chooses_the_format)
{
	char path[80];
	struct run run;
	struct tape t;
	json_t *json;

	record(&t, 1);
	snprintf(path, sizeof(path), "%s.speedscope.json", t.path);
	run = RUN("report", t.path, "-o", path);
	cr_expect_eq(run.code, EXIT_FINE, "%s", run.err);
	cr_expect_str_empty(run.out);
	json = json_load_file(path, 0, NULL);
	cr_expect(json_object_get(json, "$schema"), "no speedscope file");
	json_decref(json);
	run_done(&run);
	expect_refused(RUN("report", t.path, "-o", path), EXIT_USAGE, "cannot create");
	unlink(path);
	tape_done(&t);
}

Test(app_commands, report_of_what_cannot_be_read)
{
	char path[64];

	tape_path(path);
	expect_refused(RUN("report", path), EXIT_USAGE, path);
	expect_refused(RUN("report", "/dev/null"), EXIT_USAGE, "/dev/null");
	expect_refused(RUN("report", path, "-f", "nonsense"), EXIT_USAGE, "there is text");
}

Test(app_commands, report_of_a_recording_cut_off)
{
	struct run run;
	struct tape t;

	record_cut(&t);
	run = RUN("report", t.path);
	cr_expect_eq(run.code, EXIT_FINE);
	cr_expect(strstr(run.err, "is damaged"), "%s", run.err);
	cr_expect_str_not_empty(run.out);
	run_done(&run);
	tape_done(&t);
}

Test(app_commands, report_compares_two_recordings)
{
	struct tape before, after;
	struct run run;

	record(&before, 1);
	record(&after, 3);
	for (size_t i = 0; i < n_diff_formats; i++) {
		run = RUN("report", after.path, "--diff", before.path, "-f", diff_formats[i].name);
		cr_expect_eq(run.code, EXIT_FINE, "%s", run.err);
		cr_expect_str_not_empty(run.out);
		run_done(&run);
	}
	expect_refused(RUN("report", after.path, "--diff", before.path, "-f", "pprof"), EXIT_USAGE,
		       "cannot be written as pprof");
	expect_refused(RUN("report", after.path, "--diff", "/dev/null"), EXIT_USAGE, "/dev/null");
	tape_done(&before);
	tape_done(&after);
}

static json_t *verdict_of(const struct run *run)
{
	json_t *json = json_loads(run->out, 0, NULL);

	cr_assert_not_null(json, "no JSON: %s%s", run->out, run->err);
	return json;
}

Test(app_commands, check_of_a_recording)
{
	char junit[80], sarif[80], json_file[80], markdown[80];
	struct run run;
	struct tape t;
	json_t *json;

	record(&t, 2);
	snprintf(junit, sizeof(junit), "%s.xml", t.path);
	snprintf(sarif, sizeof(sarif), "%s.sarif", t.path);
	snprintf(json_file, sizeof(json_file), "%s.json", t.path);
	snprintf(markdown, sizeof(markdown), "%s.md", t.path);
	run = RUN("check", t.path, "--json", "--max-step", "15ms", "--junit", junit, "--sarif",
		  sarif, "--markdown", markdown, "--json-file", json_file);
	cr_expect_eq(run.code, EXIT_LIMIT, "%d: %s", run.code, run.err);
	json_decref(verdict_of(&run));
	run_done(&run);
	json = json_load_file(sarif, 0, NULL);
	cr_expect_str_eq(json_string_value(json_object_get(json, "version")), "2.1.0");
	json_decref(json);
	cr_expect_eq(access(junit, R_OK), 0);
	cr_expect_eq(access(markdown, R_OK), 0);
	unlink(junit);
	unlink(sarif);
	unlink(markdown);
	unlink(json_file);
	tape_done(&t);
}

Test(app_commands, check_passes_or_doubts)
{
	struct run run;
	struct tape t;

	record(&t, 1);
	/* The tape says nothing of its host, so a pass is not certain. */
	run = RUN("check", t.path, "--json", "--max-step", "30m");
	cr_expect(run.code == EXIT_FINE || run.code == EXIT_INCONCLUSIVE, "%d: %s", run.code,
		  run.err);
	run_done(&run);
	run = RUN("check", t.path, "--max-step", "30m", "--min-steps", "999999999");
	cr_expect_eq(run.code, EXIT_INCONCLUSIVE, "%d: %s", run.code, run.err);
	run_done(&run);
	tape_done(&t);
	record_cut(&t);
	run = RUN("check", t.path, "--max-step", "30m");
	cr_expect_eq(run.code, EXIT_INCONCLUSIVE, "a cut recording: %d: %s", run.code, run.err);
	run_done(&run);
	tape_done(&t);
}

Test(app_commands, check_refuses)
{
	struct tape t;

	record(&t, 1);
	expect_refused(RUN("check", t.path, "--max-step", "5ms"), EXIT_USAGE, "5ms");
	expect_refused(RUN("check", t.path, "--max-step", "0s"), EXIT_USAGE, "takes some time");
	expect_refused(RUN("check", t.path, "--max-stalls", "few"), EXIT_USAGE, "few");
	expect_refused(RUN("check", t.path, "--deny", "boredom"), EXIT_USAGE, "boredom");
	expect_refused(RUN("check", t.path, "--allow-file", "/dev/null/nothing"), EXIT_USAGE,
		       "/dev/null/nothing");
	expect_refused(RUN("check", t.path, "--baseline", "/dev/null/nothing"), EXIT_USAGE,
		       "/dev/null/nothing");
	expect_refused(RUN("check", t.path, "--root", "/dev/null/nothing"), EXIT_USAGE,
		       "/dev/null/nothing");
	expect_refused(RUN("check", t.path, "--mode", "light"), EXIT_USAGE, "light");
	expect_refused(RUN("check", "/dev/null", "--max-step", "1s"), EXIT_USAGE, "/dev/null");
	tape_done(&t);
}

/* A limit that is broken is the answer, even if the answer cannot be written everywhere. */
Test(app_commands, check_keeps_its_verdict_if_a_file_cannot_be_written)
{
	struct run run;
	struct tape t;

	record(&t, 2);
	run = RUN("check", t.path, "--max-step", "15ms", "--junit", "/dev/null/x.xml");
	cr_expect_eq(run.code, EXIT_LIMIT);
	cr_expect(strstr(run.err, "cannot write /dev/null/x.xml"), "[%s]", run.err);
	run_done(&run);
	tape_done(&t);
}

/* Whatever the kernel allows: this process runs no Python. */
Test(app_commands, doctor_of_a_process_that_is_none)
{
	json_t *object, *process;
	struct run run;
	char pid[16];

	snprintf(pid, sizeof(pid), "%d", getpid());
	run = RUN("doctor", "-p", pid, "--json");
	cr_expect_eq(run.code, EXIT_CANNOT_ATTACH);
	object = json_loads(run.out, 0, NULL);
	cr_assert_not_null(object, "%s", run.out);
	cr_expect_str_eq(json_string_value(json_object_get(object, "type")), "doctor");
	cr_expect(json_is_false(json_object_get(object, "ok")));
	cr_expect_gt(json_array_size(json_object_get(object, "features")), 4);
	process = json_array_get(json_object_get(object, "processes"), 0);
	cr_expect_eq(json_integer_value(json_object_get(process, "pid")), getpid());
	cr_expect(json_is_false(json_object_get(process, "ok")));
	json_decref(object);
	run_done(&run);
	run = RUN("doctor", "-p", pid);
	cr_expect_eq(run.code, EXIT_CANNOT_ATTACH);
	cr_expect(strstr(run.out, "attaching would not work: see MISSING above\n"));
	run_done(&run);
}

Test(app_commands, completion)
{
	static const char *const shells[] = { "bash", "zsh", "fish" };
	struct run run;

	for (size_t i = 0; i < 3; i++) {
		run = RUN("completion", shells[i]);
		cr_expect_eq(run.code, EXIT_FINE);
		cr_expect(strstr(run.out, "speedscope"), "%s: no values", shells[i]);
		run_done(&run);
	}
}
