/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Lines about stalls, read back and checked field by field against the schema's description.
 */
#include <errno.h>
#include <jansson.h>
#include <signal.h>
#include <unistd.h>

#include "model/vocabulary.h"
#include "report/json_check.h"
#include "report/stalls.h"

static const struct report_opts opts = { .mode = "exact", .color = true, .width = 60 };

static json_t *parse_stall(const struct stall *stall)
{
	return parse(stall_text("json", stall, &opts));
}

Test(json, stall_is_the_line_of_the_contract)
{
	struct stall s;
	char *text;

	stall_init(&s);
	text = stall_text("json", &s, &opts);
	cr_assert_str_eq(
		text,
		"{\"schema\":\"loopstall/"
		"1\",\"type\":\"stall\",\"mode\":\"exact\",\"unit\":\"step\","
		"\"pid\":4242,\"tid\":4243,\"start_ns\":123456789012345,\"duration_ns\":50300000,"
		"\"cause\":\"sleep\",\"cpu_ns\":300000,\"blocked_ns\":50000000,\"gil_ns\":0,"
		"\"runqueue_ns\":0,\"stolen_ns\":0,\"causes_ns\":{\"cpu\":300000,"
		"\"sleep\":50000000},"
		"\"gil_holder_tid\":null,"
		"\"task\":{\"id\":\"0x7f00deadbeef\",\"name\":\"Task-7\"},"
		"\"coroutine\":{\"name\":\"handler\",\"file\":\"/srv/app/web.py\",\"line\":10},"
		"\"call\":{\"function\":\"fetch_row\",\"file\":\"/srv/app/db.py\",\"line\":31,"
		"\"syscall\":\"clock_nanosleep\",\"native\":\"libc.so.6:clock_nanosleep\"},"
		"\"stack\":[{\"function\":\"fetch_row\",\"file\":\"/srv/app/db.py\",\"line\":31},"
		"{\"function\":\"handler\",\"file\":\"/srv/app/web.py\",\"line\":14}],"
		"\"is_stack_cut\":false,"
		"\"victims\":{\"count\":14,\"starved_ns\":700000000,\"sockets\":0,"
		"\"tasks\":[\"Task-3\"],"
		"\"is_known\":true,\"is_cut\":false},"
		"\"id\":\"4243:123456789012345\",\"is_open\":false,\"end\":\"return\","
		"\"wall_time\":null,\"gc_generation\":null,"
		"\"stopped_by\":null,\"began_before_attach\":false,\"cpu_quota\":null,"
		"\"cpu_holder\":null,\"pinned_ns\":0,\"releases_gil\":null,"
		"\"kernel_ns\":null,\"page_faults\":0,"
		"\"finalizer\":null,\"signal_handler\":null,"
		"\"repeated_await\":null,\"own_cause\":null,"
		"\"own\":{\"function\":\"fetch_row\",\"file\":\"/srv/app/db.py\",\"line\":31,"
		"\"share\":0.75},"
		"\"entry\":{\"function\":\"handler\",\"file\":\"/srv/app/web.py\",\"line\":14},"
		"\"gil_holder\":null,"
		"\"native_stack\":null,"
		"\"lock_holder\":null,\"lock_holder_unknown\":null,\"from\":null,\"to\":null,"
		"\"request\":null,\"test\":null,\"source\":null,"
		"\"trace_id\":null,\"span_id\":null}\n",
		"%s", text);
	json_decref(parse(text));
}

Test(json, between_which_awaits_a_step_ran)
{
	static const char *const words[] = { "suspended", "began", "returned", "raised",
					     "cancelled" };
	const json_t *from, *to;
	struct stall s;
	json_t *json;

	stall_init(&s);
	s.from = (struct step_end){ LS_AWAIT_SUSPENDED, { "acquire", "/srv/app/pool.py", 44 } };
	for (enum ls_await_state i = LS_AWAIT_SUSPENDED; i < LS_AWAIT_MAX; i++) {
		s.to = (struct step_end){ i, { "?", "?", 0 } };
		json = parse(stall_text("json", &s, &opts));
		from = json_object_get(json, "from");
		to = json_object_get(json, "to");
		check_text(from, "state", "suspended");
		check_text(from, "function", "acquire");
		check_text(from, "file", "/srv/app/pool.py");
		cr_assert_eq(json_integer_value(json_object_get(from, "line")), 44);
		check_text(to, "state", words[i - LS_AWAIT_SUSPENDED]);
		check_null(to, "function");
		check_null(to, "file");
		check_null(to, "line");
		json_decref(json);
	}
}

Test(json, native_frames)
{
	struct stall s;
	json_t *json, *list;

	stall_init(&s);
	s.has_native_stack = true;
	json = parse(stall_text("json", &s, &opts));
	cr_assert_eq(json_array_size(json_object_get(json, "native_stack")), 0);
	json_decref(json);
	s.native_stack[s.n_native++].name = "libz.so.1:deflate";
	s.native_stack[s.n_native++].name = "libz.so.1+0x10";
	s.is_native_cut = true;
	json = parse(stall_text("json", &s, &opts));
	list = json_object_get(json, "native_stack");
	cr_assert_eq(json_array_size(list), 3);
	check_text(json_array_get(list, 0), "function", "deflate");
	check_text(json_array_get(list, 0), "module", "libz.so.1");
	check_null(json_array_get(list, 1), "function");
	check_text(json_array_get(list, 1), "module", "libz.so.1");
	check_null(json_array_get(list, 2), "function");
	check_null(json_array_get(list, 2), "module");
	json_decref(json);
}

Test(json, how_a_stall_ended)
{
	static const struct {
		enum ls_end end;
		unsigned int signal;
		const char *text;
		bool is_open;
	} ends[] = {
		{ LS_END_OPEN, 0, "running", true },
		{ LS_END_RUNNING, 0, "running", true },
		{ LS_END_EXIT, 0, "exit", false },
		{ LS_END_EXEC, 0, "exec", false },
		{ LS_END_SIGNAL, 9, "signal:SIGKILL", false },
		{ LS_END_SIGNAL, 99, "signal:99", false },
	};
	struct stall s;

	stall_init(&s);
	for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++) {
		json_t *json;

		s.end = ends[i].end;
		s.end_signal = ends[i].signal;
		json = parse(stall_text("json", &s, &opts));
		check_text(json, "end", ends[i].text);
		cr_assert_eq(json_is_true(json_object_get(json, "is_open")), ends[i].is_open);
		check_text(json, "id", "4243:123456789012345");
		json_decref(json);
	}
}

Test(json, wall_time_is_the_start_in_utc)
{
	const struct report_opts with_clock = { .mode = "exact",
						.clock_offset_ns = 1700000000000000000ULL };
	struct stall s;
	json_t *json;

	stall_init(&s);
	json = parse(stall_text("json", &s, &with_clock));
	check_text(json, "wall_time", "2023-11-16T08:30:56.789012Z");
	json_decref(json);
}

Test(json, stalls_without_a_line_are_counted)
{
	json_t *json = parse(shed_text("json", 7812, &opts));

	cr_assert_str_eq(json_string_value(json_object_get(json, "type")), "shed");
	cr_assert_eq(json_integer_value(json_object_get(json, "stalls")), 7812);
	cr_assert_eq(json_integer_value(json_object_get(json, "from_ns")), 5 * (json_int_t)MS);
	cr_assert_eq(json_integer_value(json_object_get(json, "until_ns")), 1005 * (json_int_t)MS);
	json_decref(json);
}

Test(json, each_cause_and_unit_has_its_word)
{
	static const char *const words[] = {
#define _(name, word, ...) word,
		LS_CAUSES(_)
#undef _
	};
	static const char *const units[] = {
		[LS_UNIT_STEP] = "step", [LS_UNIT_CALLBACK] = "callback", [LS_UNIT_TURN] = "turn"
	};
	enum ls_cause cause;
	enum ls_unit unit;
	struct stall s;
	json_t *json;

	stall_init(&s);
	for (cause = 0; cause < LS_CAUSE_MAX; cause++) {
		s.cause = cause;
		json = parse_stall(&s);
		check_text(json, "cause", words[cause]);
		json_decref(json);
	}
	for (unit = LS_UNIT_STEP; unit <= LS_UNIT_TURN; unit++) {
		s.unit = unit;
		json = parse_stall(&s);
		check_text(json, "unit", units[unit]);
		json_decref(json);
	}
}

Test(json, callbacks_and_turns_have_no_task)
{
	struct stall s;
	json_t *json;

	stall_init(&s);
	s.unit = LS_UNIT_CALLBACK;
	s.task = 0;
	json = parse_stall(&s);
	check_null(json, "task");
	check_text(json_object_get(json, "coroutine"), "name", "handler");
	cr_assert_null(json_object_get(json, "steps"));
	json_decref(json);
	s.unit = LS_UNIT_TURN;
	s.coroutine = (struct code_info){ NULL, NULL, 0 };
	s.steps = 12;
	json = parse_stall(&s);
	check_null(json, "task");
	check_null(json, "coroutine");
	check_int(json, "steps", 12);
	json_decref(json);
}

Test(json, what_is_not_known_is_null)
{
	const json_t *call;
	struct stall s;
	json_t *json;

	stall_init(&s);
	s.call = (struct model_frame){ NULL, NULL, 0 };
	s.n_frames = 0;
	s.call_native = NULL;
	json = parse_stall(&s);
	call = json_object_get(json, "call");
	check_keys(call, "function", "file", "line", "syscall", "native", NULL);
	check_null(call, "function");
	check_null(call, "file");
	check_null(call, "native");
	check_text(call, "syscall", "clock_nanosleep");
	cr_assert_eq(json_array_size(json_object_get(json, "stack")), 0);
	json_decref(json);
	s.call_syscall = NULL;
	json = parse_stall(&s);
	check_null(json, "call");
	json_decref(json);
}

Test(json, flags_and_holder)
{
	const json_t *victims;
	struct stall s;
	json_t *json;

	stall_init(&s);
	s.is_stack_cut = true;
	s.is_victims_cut = true;
	s.is_victims_unknown = true;
	s.gil_holder.tid = 4250;
	json = parse_stall(&s);
	victims = json_object_get(json, "victims");
	cr_assert(json_is_true(json_object_get(json, "is_stack_cut")));
	cr_assert(json_is_true(json_object_get(victims, "is_cut")));
	check_null(victims, "count");
	check_null(victims, "starved_ns");
	cr_assert(json_is_false(json_object_get(victims, "is_known")));
	check_int(json, "gil_holder_tid", 4250);
	json_decref(json);
}

Test(json, gil_holder)
{
	const json_t *holder, *frame;
	struct stall s;
	json_t *json;

	stall_init(&s);
	s.gil_holder.tid = 4250;
	json = parse_stall(&s);
	holder = json_object_get(json, "gil_holder");
	check_keys(holder, "tid", "name", "stack", "is_collecting", NULL);
	check_int(holder, "tid", 4250);
	cr_assert(json_is_false(json_object_get(holder, "is_collecting")));
	check_null(holder, "name");
	cr_assert_eq(json_array_size(json_object_get(holder, "stack")), 0);
	json_decref(json);
	strcpy(s.gil_holder.name, "asyncio_0");
	s.gil_holder.is_collecting = true;
	s.gil_holder.n_frames = 1;
	s.gil_holder.stack[0] = (struct model_frame){ "scan", "/srv/app/work.py", 18 };
	json = parse_stall(&s);
	holder = json_object_get(json, "gil_holder");
	check_text(holder, "name", "asyncio_0");
	frame = json_array_get(json_object_get(holder, "stack"), 0);
	check_text(frame, "function", "scan");
	check_int(frame, "line", 18);
	cr_assert(json_is_true(json_object_get(holder, "is_collecting")));
	json_decref(json);
}

Test(json, largest_numbers_stay_exact_or_saturate)
{
	struct stall s;
	json_t *json;

	stall_init(&s);
	s.start_ns = INT64_MAX;
	s.duration_ns = (1ULL << 53) + 1;
	s.starved_ns = UINT64_MAX;
	s.task = UINT64_MAX;
	json = parse_stall(&s);
	check_int(json, "start_ns", INT64_MAX);
	check_int(json, "duration_ns", (1LL << 53) + 1);
	check_int(json_object_get(json, "victims"), "starved_ns", INT64_MAX);
	check_text(json_object_get(json, "task"), "id", "0xffffffffffffffff");
	json_decref(json);
}

Test(json, names_in_any_alphabet_come_back_unchanged)
{
	static const char name[] = "任务 \"é\" \\ \x1b[2J \xf0\x9f\x90\x8d\t\x7f";
	struct stall s;
	json_t *json;

	stall_init(&s);
	/* DEL is the one control character JSON leaves as it is. */
	snprintf(s.task_name, sizeof(s.task_name), "%.*s", (int)(sizeof(name) - 2), name);
	json = parse_stall(&s);
	check_text(json_object_get(json, "task"), "name", s.task_name);
	json_decref(json);
}

Test(json, bytes_that_are_no_utf8_are_replaced)
{
	struct stall s;
	json_t *json;

	stall_init(&s);
	strcpy(s.task_name, "a\xff\xed\xa0\x80z");
	json = parse_stall(&s);
	check_text(json_object_get(json, "task"), "name",
		   "a\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbdz");
	json_decref(json);
}

Test(json, all_frames_and_all_named_victims)
{
	const json_t *names;
	struct stall s;
	json_t *json;
	size_t i;

	stall_init(&s);
	for (i = 0; i < LS_MAX_FRAMES; i++)
		s.stack[i] = (struct model_frame){ "f", "file.py", (uint32_t)i };
	s.n_frames = LS_MAX_FRAMES;
	for (i = 0; i < LS_MAX_VICTIM_NAMES; i++)
		snprintf(s.victim_names[i], sizeof(s.victim_names[i]), "Task-%zu", i);
	s.victims_named = LS_MAX_VICTIM_NAMES;
	json = parse_stall(&s);
	cr_assert_eq(json_array_size(json_object_get(json, "stack")), LS_MAX_FRAMES);
	check_int(json_array_get(json_object_get(json, "stack"), 63), "line", 63);
	names = json_object_get(json_object_get(json, "victims"), "tasks");
	cr_assert_eq(json_array_size(names), LS_MAX_VICTIM_NAMES);
	cr_assert_str_eq(json_string_value(json_array_get(names, 15)), "Task-15");
	json_decref(json);
}

static json_t *parse_lock_stall(struct stall *s, enum ls_lock_known known)
{
	stall_init(s);
	s->cause = LS_CAUSE_LOCK;
	s->cause_ns[LS_CAUSE_LOCK] = MS;
	s->lock_known = known;
	return parse_stall(s);
}

Test(json, lock_holder)
{
	static const char *const ways[] = { [LS_LOCK_OWNER] = "owner",
					    [LS_LOCK_RELEASED] = "release",
					    [LS_LOCK_RELEASED_LAST] = "last_release" };
	struct stall s;

	for (enum ls_lock_known i = LS_LOCK_OWNER; i <= LS_LOCK_RELEASED_LAST; i++) {
		const json_t *holder;
		json_t *json;

		json_decref(parse_lock_stall(&s, i));
		s.lock_holder.tid = 4250;
		json = parse_stall(&s);
		holder = json_object_get(json, "lock_holder");
		check_keys(holder, "tid", "name", "stack", "pid", "known_by", "is_seen_once", NULL);
		check_int(holder, "tid", 4250);
		check_int(holder, "pid", s.pid);
		check_text(holder, "known_by", ways[i]);
		check_null(json, "lock_holder_unknown");
		check_null(json, "gil_holder");
		json_decref(json);
	}
}

/* No thread of it is known. */
Test(json, process_that_took_a_lock_of_a_file)
{
	const json_t *holder;
	struct stall s;
	json_t *json;

	json_decref(parse_lock_stall(&s, LS_LOCK_PROCESS));
	s.lock_holder = (struct model_holder){ .tid = 4711, .is_process = true, .name = "nginx" };
	json = parse_stall(&s);
	holder = json_object_get(json, "lock_holder");
	check_null(holder, "tid");
	check_int(holder, "pid", 4711);
	check_text(holder, "name", "nginx");
	check_text(holder, "known_by", "process");
	check_null(json, "lock_holder_unknown");
	json_decref(json);
}

/* There is a reason whatever is known of the lock. */
Test(json, lock_holder_is_not_known)
{
	struct stall s;

	for (enum ls_lock_known i = 0; i < LS_LOCK_MAX; i++) {
		json_t *json = parse_lock_stall(&s, i);

		check_null(json, "lock_holder");
		cr_assert_not_null(vocabulary_lock_unknown(i));
		check_text(json, "lock_holder_unknown", vocabulary_lock_unknown(i));
		json_decref(json);
	}
}

Test(json, a_stall_that_began_before)
{
	struct stall s;
	json_t *json;

	stall_init(&s);
	json = parse(stall_text("json", &s, &opts));
	cr_expect(json_is_false(json_object_get(json, "began_before_attach")));
	json_decref(json);
	s.began_before = true;
	json = parse(stall_text("json", &s, &opts));
	cr_expect(json_is_true(json_object_get(json, "began_before_attach")));
	json_decref(json);
}

Test(json, reader_that_has_gone)
{
	struct stall s;
	FILE *out;
	int fds[2];

	signal(SIGPIPE, SIG_IGN);
	cr_assert_eq(pipe(fds), 0);
	close(fds[0]);
	out = fdopen(fds[1], "w");
	cr_assert_not_null(out);
	stall_init(&s);
	cr_assert_eq(stall_error("json", out, &s), -EPIPE);
	fclose(out);
}
