/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The first and the last line of a run, likewise (test_json.c).
 */
#include "report/json_check.h"
#include "report/stalls.h"

static const struct report_opts opts = { .mode = "exact", .color = true, .width = 60 };

Test(json_summary, start)
{
	const struct report_target targets[] = {
		{ 4242, "python3", "3.11.2", "uvloop", "entry", 0, NULL, 0, NULL },
		{ 4243, "a\nb", "3.8.18", NULL, "symbol", 7, "/docker/a\nb", 4242, NULL },
	};
	const struct report_start start = { "0.1", 10 * MS, 1 * MS, "uprobe_multi",
					    2,	   targets, "box",  NULL };
	json_t *json = parse(start_text("json", &start, &opts));
	const json_t *list, *target;

	check_keys(json, "schema", "type", "mode", "version", "threshold_ns", "sample_period_ns",
		   "transport", "targets", "host", "kernel", NULL);
	check_text(json, "schema", "loopstall/1");
	check_text(json, "type", "start");
	check_text(json, "mode", "exact");
	check_text(json, "version", "0.1");
	check_int(json, "threshold_ns", 10 * MS);
	check_int(json, "sample_period_ns", 1 * MS);
	check_text(json, "transport", "uprobe_multi");
	check_text(json, "host", "box");
	cr_expect(json_is_null(json_object_get(json, "kernel")));
	list = json_object_get(json, "targets");
	cr_assert_eq(json_array_size(list), 2);
	target = json_array_get(list, 0);
	check_keys(target, "pid", "comm", "python", "loop", "rung", "parent_pid", "container",
		   "container_pid", "cgroup", NULL);
	check_int(target, "pid", 4242);
	check_text(target, "comm", "python3");
	check_text(target, "python", "3.11.2");
	check_text(target, "loop", "uvloop");
	check_text(target, "rung", "entry");
	cr_assert(json_is_false(json_object_get(target, "container")));
	check_null(target, "parent_pid");
	check_int(json_array_get(list, 1), "parent_pid", 4242);
	check_null(target, "container_pid");
	check_null(target, "cgroup");
	cr_assert(json_is_true(json_object_get(json_array_get(list, 1), "container")));
	check_int(json_array_get(list, 1), "container_pid", 7);
	check_text(json_array_get(list, 1), "cgroup", "/docker/a\nb");
	check_null(json_array_get(list, 1), "loop");
	check_text(json_array_get(list, 1), "comm", "a\nb");
	json_decref(json);
}

Test(json_summary, a_cost_that_is_not_known_is_null)
{
	struct snapshot snap = snapshot_make();
	struct report_run run = report_run_example;
	json_t *json;
	const json_t *cost;

	run.own_cost.has_traps = false;
	json = parse(summary_text("json", &snap, &run, &opts));
	cost = json_object_get(json, "own_cost");
	check_int(cost, "programs_ns", 90 * MS);
	check_null(cost, "traps_ns");
	check_null(cost, "ns_per_hit");
	check_null(cost, "share");
	json_decref(json);
	run.own_cost.has_programs = false;
	json = parse(summary_text("json", &snap, &run, &opts));
	cost = json_object_get(json, "own_cost");
	check_null(cost, "programs_ns");
	check_null(cost, "hits");
	check_int(cost, "self_ns", 42 * MS);
	json_decref(json);
}

static void check_cost(const json_t *json)
{
	const json_t *own = json_object_get(json, "own");

	check_keys(own, "cpu_ns", "rss_bytes", "bpf_ns", NULL);
	check_int(own, "cpu_ns", 42 * MS);
	check_int(own, "rss_bytes", 24222105);
	check_int(own, "bpf_ns", 90 * MS);
	own = json_object_get(json, "own_cost");
	check_keys(own, "programs_ns", "traps_ns", "self_ns", "hits", "ns_per_hit",
		   "program_ns_per_hit", "share", NULL);
	check_int(own, "programs_ns", 90 * MS);
	check_int(own, "traps_ns", 600 * MS);
	check_int(own, "self_ns", 42 * MS);
	check_int(own, "hits", 60826);
	check_int(own, "ns_per_hit", 870);
	check_int(own, "program_ns_per_hit", 310);
	cr_expect_float_eq(json_real_value(json_object_get(own, "share")), 0.0732, 1e-9);
}

static void check_row(const json_t *row)
{
	check_keys(row, "name", "file", "line", "pid", "steps", "total_ns", "p50_ns", "p95_ns",
		   "p99_ns", "max_ns", "stalls", "cpu_ns", "blocked_ns", "gil_ns", "runqueue_ns",
		   "starved_ns", "suffered", "suffered_ns", NULL);
	check_text(row, "name", "handler");
	check_text(row, "file", "/srv/app/web.py");
	check_int(row, "line", 10);
	check_int(row, "pid", 4242);
	check_int(row, "steps", 20000);
	check_int(row, "total_ns", 4000 * MS);
	check_int(row, "p50_ns", 12345);
	check_int(row, "p99_ns", 2500000);
	check_int(row, "max_ns", 50300000);
	check_int(row, "stalls", 12);
	check_int(row, "cpu_ns", 800 * MS);
	check_int(row, "blocked_ns", 2800 * MS);
	check_int(row, "gil_ns", 400 * MS);
	check_int(row, "runqueue_ns", 0);
	check_int(row, "starved_ns", 700 * MS);
}

Test(json_summary, summary)
{
	struct snapshot snap = snapshot_make();
	json_t *json = parse(summary_text("json", &snap, &report_run_example, &opts));
	const json_t *row;

	check_keys(json, "schema", "type", "mode", "duration_ns", "ended_ns", "ended_unix_ns",
		   "modes", "steps", "unattributed_steps", "handles", "stalls", "turns", "step_ns",
		   "callbacks_ns", "idle_ns", "watched_ns", "unaccounted_ns", "starved_ns",
		   "turn_p50_ns", "turn_p99_ns", "turn_max_ns", "no_steps_reason", "own",
		   "own_cost", "lost", "coroutines", "call_sites", "victims", "payers", "loops",
		   "gil_holders", "headline", "findings", "groups", "lock_holders", "pools",
		   "lifecycle", NULL);
	check_text(json, "type", "summary");
	check_int(json, "duration_ns", 10000 * MS);
	check_int(json, "steps", 20413);
	check_int(json, "unattributed_steps", 413);
	check_int(json, "stalls", 12);
	check_int(json, "turns", 1234);
	check_int(json, "step_ns", 4210 * MS);
	check_int(json, "callbacks_ns", 120 * MS);
	check_int(json, "idle_ns", 5620 * MS);
	check_int(json, "watched_ns", 10000 * MS);
	check_int(json, "unaccounted_ns", 50 * MS);
	check_int(json, "starved_ns", 700 * MS);
	check_null(json, "no_steps_reason");
	check_cost(json);
	check_keys(json_object_get(json, "lost"), "stack_truncated", NULL);
	check_int(json_object_get(json, "lost"), "stack_truncated", 12);
	cr_assert_eq(json_array_size(json_object_get(json, "coroutines")), 2);
	check_row(json_array_get(json_object_get(json, "coroutines"), 0));
	row = json_array_get(json_object_get(json, "coroutines"), 1);
	check_null(row, "file");
	check_null(row, "pid");
	json_decref(json);
}

Test(json_summary, nothing_seen_is_explained)
{
	const struct snapshot snap = { 0 };
	struct report_run run = { .no_steps_reason = "no event loop ran" };
	json_t *json = parse(summary_text("json", &snap, &run, &opts));

	check_int(json, "steps", 0);
	check_text(json, "no_steps_reason", "no event loop ran");
	cr_assert_eq(json_object_size(json_object_get(json, "lost")), 0);
	json_decref(json);
}

Test(json_summary, reason_is_not_told_when_steps_were_seen)
{
	struct snapshot snap = snapshot_make();
	struct report_run run = { .no_steps_reason = "no event loop ran" };
	json_t *json = parse(summary_text("json", &snap, &run, &opts));

	check_null(json, "no_steps_reason");
	json_decref(json);
}

Test(json_summary, pools)
{
	struct pool_row pools[] = {
		{ .pid = 7,
		  .kind = POOL_LIMITER,
		  .name = "anyio.CapacityLimiter",
		  .size = 40,
		  .busy = 40,
		  .waiting = 5,
		  .waiting_max = 22,
		  .full_ns = 3 * MS,
		  .n_places = 1,
		  .places = { { { "report", "/srv/app.py", 15 }, 38 } } },
		{ .pid = 7, .kind = POOL_EXECUTOR, .is_default = true },
	};
	struct snapshot snap = { .n_pools = 2, .pools = pools };
	json_t *json = parse(summary_text("json", &snap, &report_run_example, &opts));
	const json_t *rows = json_object_get(json, "pools"), *row, *place;

	cr_assert_eq(json_array_size(rows), 2);
	row = json_array_get(rows, 0);
	check_keys(row, "pid", "kind", "name", "is_default", "size", "busy", "waiting",
		   "waiting_max", "full_ns", "places", NULL);
	check_text(row, "kind", "limiter");
	check_text(row, "name", "anyio.CapacityLimiter");
	check_int(row, "size", 40);
	check_int(row, "waiting", 5);
	check_int(row, "waiting_max", 22);
	check_int(row, "full_ns", 3 * MS);
	place = json_array_get(json_object_get(row, "places"), 0);
	check_int(place, "threads", 38);
	check_text(json_object_get(place, "where"), "function", "report");
	row = json_array_get(rows, 1);
	check_null(row, "name");
	check_null(row, "size");
	cr_assert(json_is_true(json_object_get(row, "is_default")));
	json_decref(json);
}
