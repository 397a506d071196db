/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Stalls in, rows by each key out.
 */
#include "model/groups.h"
#include "model/places.h"
#include "model/reading.h"

#define SERVER "/usr/lib/python3/dist-packages/uvicorn/protocols/http/h11_impl.py"

static const struct code_info run_asgi = { "run_asgi", SERVER, 400 };
static const struct code_info worker = { "worker", "/srv/app/jobs.py", 7 };

static struct stall step_of(const struct code_info *coroutine, const char *entry, uint64_t ms)
{
	struct stall s = { .pid = PID,
			   .tid = TID,
			   .unit = LS_UNIT_STEP,
			   .cause = LS_CAUSE_SLEEP,
			   .task_name = "Task-7",
			   .coroutine = *coroutine,
			   .duration_ns = ms * MS,
			   .blocked_ns = ms * MS,
			   .starved_ns = 2 * ms * MS,
			   .own = { entry, "/srv/app/web.py", 12 },
			   .entry = { entry, "/srv/app/web.py", 12 },
			   .entry_def_line = 10,
			   .is_entry_users = true };

	s.cause_ns[LS_CAUSE_SLEEP] = s.duration_ns;
	return s;
}

static const struct group_row *find(const struct snapshot *s, enum group_key key, const char *name)
{
	for (size_t i = 0; i < s->groups[key].n; i++)
		if (!strcmp(s->groups[key].rows[i].name, name))
			return &s->groups[key].rows[i];
	return NULL;
}

static void add(struct groups *g, const struct stall *stall, struct place *place)
{
	cr_assert_eq(groups__stall(g, stall, place), 0);
}

Test(model_groups, words_of_the_keys)
{
	for (enum group_key key = 0; key < GROUP_MAX; key++)
		cr_expect_eq(group_key__by_word(group_key_word(key)), key);
	cr_expect_eq(group_key__by_word("nonsense"), GROUP_MAX);
	cr_expect_str_eq(group_key_noun(GROUP_AUTO), "coroutine");
	cr_expect_str_eq(group_key_noun(GROUP_ENTRY), "entry");
}

Test(model_groups, entries_stand_in_for_the_coroutine_of_a_library)
{
	struct coroutine_row rows[] = {
		{ .coroutine = run_asgi, .steps = 3000, .stalls = 5, .starved_ns = 320 * MS },
		{ .coroutine = worker, .steps = 9, .stalls = 1, .starved_ns = 20 * MS },
	};
	struct snapshot s = { .n_rows = 2, .rows = rows };
	struct place server = { .info = run_asgi };
	struct groups g = { 0 };
	struct stall stall;
	uint64_t stalls = 0, starved_ns = 0;

	for (int i = 0; i < 3; i++) {
		stall = step_of(&run_asgi, "get_user", 40);
		add(&g, &stall, &server);
	}
	stall = step_of(&run_asgi, "list_orders", 30);
	add(&g, &stall, &server);
	/* One that never left the server, and one of the user's own coroutines. */
	stall = step_of(&run_asgi, "run_asgi", 10);
	stall.is_entry_users = false;
	add(&g, &stall, &server);
	stall = step_of(&worker, "worker", 10);
	add(&g, &stall, NULL);
	cr_expect_eq(server.causes, 1u << LS_CAUSE_SLEEP);
	rows[0].entered_stalls = server.entered_stalls;
	rows[0].entered_starved_ns = server.entered_starved_ns;
	cr_assert_eq(groups__rows(&g, &s), 0);
	cr_expect_eq(s.groups[GROUP_AUTO].n, 4);
	cr_expect_str_eq(s.groups[GROUP_AUTO].rows[0].name, "get_user");
	cr_expect(s.groups[GROUP_AUTO].rows[0].is_entry);
	cr_expect_not(s.groups[GROUP_AUTO].rows[0].has_steps);
	cr_expect_eq(s.groups[GROUP_AUTO].rows[0].stalls, 3);
	cr_expect_eq(s.groups[GROUP_AUTO].rows[0].line, 10);
	cr_expect_eq(find(&s, GROUP_AUTO, "list_orders")->stalls, 1);
	cr_expect_eq(find(&s, GROUP_AUTO, "run_asgi")->stalls, 1);
	cr_expect_eq(find(&s, GROUP_AUTO, "run_asgi")->steps, 3000);
	cr_expect_eq(find(&s, GROUP_AUTO, "worker")->stalls, 1);
	for (size_t i = 0; i < s.groups[GROUP_AUTO].n; i++) {
		stalls += s.groups[GROUP_AUTO].rows[i].stalls;
		starved_ns += s.groups[GROUP_AUTO].rows[i].starved_ns;
	}
	cr_expect_eq(stalls, 6, "no stall is in two rows");
	cr_expect_eq(starved_ns, 340 * MS);
	/* By coroutine nothing is taken away. */
	cr_expect_eq(s.groups[GROUP_COROUTINE].n, 2);
	cr_expect_eq(find(&s, GROUP_COROUTINE, "run_asgi")->stalls, 5);
	groups__done(&g);
}

/* The user's outermost function is a middleware, or an application that dispatches by itself. */
static void add_through(struct groups *g, struct place *server, const char *endpoint)
{
	struct stall s = step_of(&run_asgi, "middleware", 40);

	s.n_frames = 4;
	s.stack[0] = (struct model_frame){ "sleep", "/usr/lib/python3.11/helper.py", 1 };
	s.stack[1] = (struct model_frame){ endpoint, "/srv/app/web.py", 60 };
	s.def_lines[1] = 50;
	s.stack[2] = (struct model_frame){ "route", "/x/site-packages/lib/routing.py", 9 };
	s.stack[3] = s.entry;
	add(g, &s, server);
}

Test(model_groups, what_an_only_entry_calls_tells_endpoints_apart)
{
	struct coroutine_row row = { .coroutine = run_asgi, .stalls = 3 };
	struct snapshot s = { .n_rows = 1, .rows = &row };
	struct place server = { .info = run_asgi };
	struct groups g = { 0 };
	struct stall direct;

	add_through(&g, &server, "get_user");
	add_through(&g, &server, "get_user");
	cr_assert_eq(groups__rows(&g, &s), 0);
	cr_expect_eq(find(&s, GROUP_AUTO, "middleware")->stalls, 2, "nothing to tell apart");
	add_through(&g, &server, "list_orders");
	row.entered_stalls = server.entered_stalls;
	cr_assert_eq(groups__rows(&g, &s), 0);
	cr_expect_null(find(&s, GROUP_AUTO, "middleware"));
	cr_expect_eq(find(&s, GROUP_AUTO, "get_user")->stalls, 2);
	cr_expect_eq(find(&s, GROUP_AUTO, "get_user")->line, 50);
	cr_expect_eq(find(&s, GROUP_AUTO, "list_orders")->stalls, 1);
	cr_expect(find(&s, GROUP_AUTO, "list_orders")->is_entry);
	cr_expect_eq(find(&s, GROUP_AUTO, "run_asgi")->stalls, 0);
	cr_expect_eq(find(&s, GROUP_ENTRY, "middleware")->stalls, 3, "the entry is what it is");
	/* One that stalls the loop by itself is no mere dispatcher. */
	direct = step_of(&run_asgi, "middleware", 40);
	add(&g, &direct, &server);
	cr_assert_eq(groups__rows(&g, &s), 0);
	cr_expect_eq(find(&s, GROUP_AUTO, "middleware")->stalls, 4);
	cr_expect_null(find(&s, GROUP_AUTO, "get_user"));
	groups__done(&g);
}

Test(model_groups, callbacks_and_turns_are_rows)
{
	struct coroutine_row row = { .coroutine = worker, .steps = 9, .max_ns = MS };
	struct snapshot s = { .n_rows = 1, .rows = &row };
	const struct code_info callback = { "Server.data_received", "/srv/app/proto.py", 50 };
	struct stall stall = step_of(&callback, "Server.data_received", 40);
	const struct group_row *found;
	struct groups g = { 0 };

	stall.unit = LS_UNIT_CALLBACK;
	add(&g, &stall, NULL);
	stall = (struct stall){ .unit = LS_UNIT_TURN, .duration_ns = 15 * MS, .pid = PID };
	add(&g, &stall, NULL);
	cr_assert_eq(groups__rows(&g, &s), 0);
	for (enum group_key key = GROUP_AUTO; key <= GROUP_COROUTINE; key++) {
		found = find(&s, key, "Server.data_received");
		cr_assert_not_null(found);
		cr_expect_eq(found->unit, LS_UNIT_CALLBACK);
		cr_expect_not(found->has_steps);
		cr_expect_eq(found->max_ns, 40 * MS);
		cr_expect_eq(found->stalled_ns, 40 * MS);
		found = find(&s, key, "(many short steps)");
		cr_assert_not_null(found);
		cr_expect_eq(found->unit, LS_UNIT_TURN);
		cr_expect_str_eq(s.groups[key].rows[2].name, "worker", "order");
	}
	groups__done(&g);
}

Test(model_groups, tasks_files_and_processes)
{
	struct loop_row loops[] = {
		{ .pid = PID, .process = "uvicorn", .steps = 70, .busy = 0.5 },
		{ .pid = PID, .process = "uvicorn", .steps = 30, .busy = 0.25 },
		{ .pid = 77, .process = "calm", .steps = 1 },
	};
	struct snapshot s = { .n_loops = 3, .loops = loops };
	struct stall stall = step_of(&worker, "worker", 10);
	struct groups g = { 0 };

	add(&g, &stall, NULL);
	stall.own.file = "/srv/app/db.py";
	strcpy(stall.task_name, "poller");
	add(&g, &stall, NULL);
	cr_assert_eq(groups__rows(&g, &s), 0);
	/* The runtime's name says nothing. */
	cr_expect_not_null(find(&s, GROUP_TASK, "worker"));
	cr_assert_not_null(find(&s, GROUP_TASK, "poller"));
	cr_expect(find(&s, GROUP_TASK, "poller")->name != stall.task_name, "a copy");
	cr_expect_eq(find(&s, GROUP_FILE, "/srv/app/web.py")->stalls, 1);
	cr_expect_eq(find(&s, GROUP_FILE, "/srv/app/db.py")->stalls, 1);
	cr_expect_eq(s.groups[GROUP_PROCESS].n, 2);
	cr_expect_eq(find(&s, GROUP_PROCESS, "uvicorn")->stalls, 2);
	cr_expect_eq(find(&s, GROUP_PROCESS, "uvicorn")->steps, 100);
	cr_expect_eq(find(&s, GROUP_PROCESS, "calm")->stalls, 0);
	cr_expect_not(find(&s, GROUP_PROCESS, "calm")->has_percentiles);
	groups__done(&g);
}

Test(model_groups, processes_that_have_ended_become_one_row)
{
	struct loop_row loops[] = { { .pid = 3, .process = "uvicorn", .steps = 10 } };
	struct snapshot s = { .n_loops = 1, .loops = loops };
	struct stall stall = step_of(&worker, "worker", 10);
	uint32_t both[] = { 2, 1, 2 }, third[] = { 3 };
	struct groups g = { 0 };
	const struct group_row *row;

	for (stall.pid = 1; stall.pid <= 2; stall.pid++) {
		stall.duration_ns = stall.pid * 10 * MS;
		add(&g, &stall, NULL);
	}
	cr_assert_eq(groups__end_processes(&g, third, 1), 0);
	cr_assert_eq(groups__rows(&g, &s), 0);
	cr_expect_eq(s.groups[GROUP_PROCESS].n, 3, "their loops were not seen yet");
	cr_assert_eq(groups__end_processes(&g, both, 3), 0);
	cr_assert_eq(groups__end_processes(&g, third, 1), 0);
	add(&g, &stall, NULL);
	cr_assert_eq(groups__end_processes(&g, third, 1), 0);
	cr_assert_eq(groups__rows(&g, &s), 0);
	cr_assert_eq(s.groups[GROUP_PROCESS].n, 2);
	cr_expect_eq(find(&s, GROUP_PROCESS, "uvicorn")->stalls, 1);
	row = find(&s, GROUP_PROCESS, "(ended)");
	cr_assert_not_null(row);
	cr_expect_eq(row->pid, 0);
	cr_expect_eq(row->stalls, 2);
	cr_expect_eq(row->starved_ns, 2 * 20 * MS);
	cr_expect_eq(row->stalled_ns, 30 * MS);
	cr_expect_eq(row->max_ns, 20 * MS);
	cr_expect_eq(row->unit, LS_UNIT_STEP);
	cr_expect_str_eq(row->where.function, "worker");
	cr_expect_eq(row->causes, 1U << LS_CAUSE_SLEEP);
	groups__done(&g);
}

/* As of tasks that have the number of their request. */
Test(model_groups, names_made_up_without_end_leave_room)
{
	struct stall stall = step_of(&worker, "worker", 10);
	struct snapshot s = { 0 };
	struct groups g = { 0 };

	for (unsigned int i = 0; i < GROUPS_MAX; i++) {
		snprintf(stall.task_name, sizeof(stall.task_name), "request %u", i);
		add(&g, &stall, NULL);
	}
	stall.entry.function = "late";
	add(&g, &stall, NULL);
	cr_assert_eq(groups__rows(&g, &s), 0);
	cr_expect_eq(s.groups[GROUP_TASK].n, GROUPS_MAX_NAMES);
	cr_expect_eq(g.refused, GROUPS_MAX - GROUPS_MAX_NAMES + 1);
	cr_expect_not_null(find(&s, GROUP_ENTRY, "late"));
	groups__done(&g);
}

/* A dispatcher and what it calls, a callback, a turn, tasks with and without a name. */
static size_t some_stalls(struct stall stalls[])
{
	const struct code_info callback = { "worker", "/srv/app/jobs.py", 7 };
	size_t n = 0;

	for (size_t i = 0; i < 4; i++) {
		stalls[n] = step_of(&run_asgi, "middleware", 10 + i);
		stalls[n].n_frames = 2;
		stalls[n].stack[0] =
			(struct model_frame){ i % 2 ? "get" : "post", "/srv/app/web.py", 60 };
		stalls[n].def_lines[0] = i % 2 ? 50 : 70;
		stalls[n].stack[1] = stalls[n].entry;
		stalls[n].pid += i / 2;
		n++;
	}
	stalls[n++] = step_of(&worker, "worker", 10);
	stalls[n] = step_of(&callback, "worker", 10);
	stalls[n++].unit = LS_UNIT_CALLBACK;
	stalls[n++] = (struct stall){ .unit = LS_UNIT_TURN, .duration_ns = MS, .pid = PID };
	stalls[n] = step_of(&worker, "worker", 10);
	strcpy(stalls[n].task_name, "poller");
	strcpy(stalls[n++].request.label, "GET /orders/{id}");
	return n;
}

Test(model_groups, a_row_has_the_stalls_that_it_counts)
{
	struct snapshot s = { 0 };
	struct groups g = { 0 };
	static struct stall stalls[16];
	const size_t n = some_stalls(stalls);
	size_t rows = 0;

	for (size_t i = 0; i < n; i++)
		add(&g, &stalls[i], NULL);
	cr_assert_eq(groups__rows(&g, &s), 0);
	for (enum group_key key = 0; key < GROUP_MAX; key++)
		for (size_t k = 0; k < s.groups[key].n; k++, rows++) {
			const struct group_row *row = &s.groups[key].rows[k];
			size_t has = 0;

			for (size_t i = 0; i < n; i++)
				has += group__has(key, row, &stalls[i]);
			cr_expect_eq(has, row->stalls, "%s %s: %zu of %zu", group_key_word(key),
				     row->name, has, (size_t)row->stalls);
			cr_expect_neq(row->causes, 0);
		}
	cr_expect_gt(rows, 20, "%zu rows", rows);
	cr_expect_not_null(find(&s, GROUP_AUTO, "get"), "of those that the middleware calls");
	groups__done(&g);
}

Test(model_groups, an_open_stall_is_at_the_row_that_will_get_it)
{
	struct coroutine_row row = { .coroutine = run_asgi, .steps = 9, .open = 1 };
	struct stall live = step_of(&run_asgi, "get_user", 700);
	struct snapshot s = { .n_rows = 1, .rows = &row, .n_live = 1, .live = &live };
	struct groups g = { 0 };

	live.start_ns = 5 * MS;
	cr_assert_eq(groups__rows(&g, &s), 0);
	cr_expect_eq(find(&s, GROUP_AUTO, "get_user")->open, 1);
	cr_expect_eq(find(&s, GROUP_AUTO, "get_user")->open_since_ns, 5 * MS);
	cr_expect_eq(find(&s, GROUP_AUTO, "run_asgi")->open, 0);
	cr_expect_eq(find(&s, GROUP_COROUTINE, "run_asgi")->open, 1);
	cr_expect_eq(find(&s, GROUP_ENTRY, "get_user")->stalls, 0);
	/* It has ended: no trace of it is left. */
	s.n_live = row.open = 0;
	cr_assert_eq(groups__rows(&g, &s), 0);
	cr_expect_null(find(&s, GROUP_AUTO, "get_user"));
	cr_expect_null(find(&s, GROUP_ENTRY, "get_user"));
	groups__done(&g);
}

Test(model_groups, rows_without_room_are_counted)
{
	struct stall stall = step_of(&worker, "worker", 10);
	struct groups g = { 0 };
	char names[1200][16];

	for (size_t i = 0; i < 1200; i++) {
		snprintf(names[i], sizeof(names[i]), "entry-%zu", i);
		stall.entry.function = stall.own.function = names[i];
		stall.own.file = stall.entry.file = names[i];
		snprintf(stall.task_name, sizeof(stall.task_name), "own-%zu", i);
		stall.pid = (uint32_t)i;
		add(&g, &stall, NULL);
	}
	/* By entry, file, task and process; all are of one coroutine, and no request or test. */
	cr_expect_eq(g.refused, 4 * 1200 + 2 - GROUPS_MAX);
	groups__done(&g);
}

/* Through the model: a reset empties all lists, and the loss has its name. */
Test(model_groups, are_part_of_the_snapshot)
{
	struct script *s = script_new();
	const struct snapshot *snap;

	reading_coroutine(s, TID, HANDLER, 10, MS);
	reading_stall(s, 1, HANDLER, FETCH_ROW, 31, LS_CAUSE_SLEEP, 50 * MS);
	snap = reading_snapshot(s);
	cr_assert_eq(snap->groups[GROUP_ENTRY].n, 1);
	cr_expect_str_eq(snap->groups[GROUP_ENTRY].rows[0].name, "handler");
	cr_expect_str_eq(snap->groups[GROUP_ENTRY].rows[0].where.function, "fetch_row");
	cr_expect_eq(snap->groups[GROUP_AUTO].n, 1);
	cr_expect(snap->groups[GROUP_AUTO].rows[0].has_percentiles);
	model__reset(s->model);
	snap = reading_snapshot(s);
	cr_expect_eq(snap->groups[GROUP_ENTRY].n, 0);
	cr_expect_eq(snap->n_findings, 0);
	script_free(s);
}
