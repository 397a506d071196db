/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A dump as text and as JSON: words, what is cut, and names that mean harm.
 */
#include "dump/made_up.h"

#include <jansson.h>

static struct target t;
static struct dump d;
static char *text;
static size_t text_bytes;

static const char *write_text(void)
{
	FILE *out = open_memstream(&text, &text_bytes);

	cr_assert_not_null(out);
	dump__write_text(&d, out);
	fclose(out);
	return text;
}

static json_t *write_json(void)
{
	FILE *out = open_memstream(&text, &text_bytes);
	json_t *json;

	cr_assert_not_null(out);
	cr_assert_eq(dump__write_json(&d, out), 0);
	fclose(out);
	for (size_t i = 0; i + 1 < text_bytes; i++)
		cr_assert(text[i] >= ' ' && text[i] <= '~');
	cr_assert_eq(text[text_bytes - 1], '\n');
	json = json_loads(text, 0, NULL);
	cr_assert_not_null(json);
	return json;
}

static void end(void)
{
	free(text);
	dump__done(&d);
}

static void make_step(void)
{
	struct dump_thread *th = &d.threads[0];
	struct dump_loop *l = &d.loops[0];

	add_frame(th, "fetch", "/srv/db.py", 31, 0);
	add_frame(th, "handler", "/srv/app.py", 12, CORO(1));
	add_frame(th, "Handle._run", "/usr/lib/python3.11/asyncio/events.py", 80, 0);
	th->kernel = (struct proc_thread){ .state = 'S', .call = PROC_CALL_IN };
	th->doing = DUMP_SYSCALL;
	th->syscall = "futex";
	l->unit = DUMP_UNIT_STEP;
	l->n_unit_frames = 2;
	l->task = TASK(1);
	strcpy(l->task_name, "Task-7");
	l->coroutine = (struct code_info){ "handler", "/srv/app.py", 10 };
}

Test(dump_output, a_step_in_words)
{
	static const char wanted[] =
		"process 4242, CPython 3.11.2: python3 app.py\n"
		"GIL: free\n"
		"\n"
		"unknown loop of thread 4242 (MainThread): in a step of task Task-7, handler() "
		"/srv/app.py:10\n"
		"  blocked in futex\n"
		"    fetch                        /srv/db.py:31\n"
		"    handler                      /srv/app.py:12\n"
		"    (called by the loop, 1 frame further out)\n"
		"  tasks: 0 (0 running, 0 ready, 0 waiting), 0 handles in the queue\n";

	make_up(&d, &t);
	d.has_lock = true;
	make_step();
	cr_assert_str_eq(write_text(), wanted, "%s", text);
	end();
}

Test(dump_output, who_keeps_the_gil_and_where)
{
	make_up(&d, &t);
	make_step();
	d.has_lock = true;
	d.n_threads = 2;
	d.threads[0].doing = DUMP_GIL;
	d.threads[1].tid = 4250;
	d.threads[1].holds_lock = true;
	strcpy(d.threads[1].name, "worker");
	add_frame(&d.threads[1], "spin", "/srv/c.py", 5, 0);
	d.holder = &d.threads[1];
	write_text();
	cr_assert_not_null(strstr(text, "GIL: held by thread 4250 (worker)\n"), "%s", text);
	cr_assert_not_null(
		strstr(text,
		       "waits for the GIL that thread 4250 (worker) holds in spin /srv/c.py:5\n"),
		"%s", text);
	cr_assert_not_null(strstr(text, "holds the GIL\n    spin"), "%s", text);
	free(text);
	d.threads[0].doing = DUMP_CPU;
	write_text();
	cr_assert_not_null(strstr(text, "  on the CPU or ready for it without the GIL: it waits"),
			   "%s", text);
	end();
}

Test(dump_output, what_changed_is_marked)
{
	make_up(&d, &t);
	make_step();
	d.threads[0].is_changed = true;
	d.threads[0].stack.is_torn = true;
	write_text();
	cr_assert_not_null(strstr(text,
				  "blocked in futex (changed while it was read)\n    ... "
				  "(changed while it was read)\n    fetch"),
			   "%s", text);
	end();
}

Test(dump_output, equal_stacks_are_one_entry)
{
	make_up(&d, &t);
	make_step();
	d.n_threads = 4;
	for (size_t i = 1; i < 4; i++) {
		d.threads[i].tid = 5000 + (pid_t)i;
		d.threads[i].doing = DUMP_CPU;
		for (int k = 0; k < 40; k++)
			add_frame(&d.threads[i], "recurse", "/srv/c.py", 5, 0);
	}
	write_text();
	cr_assert_not_null(strstr(text, "\nthread 5001, and 2 more like it: 5002, 5003: on the"),
			   "%s", text);
	cr_assert_not_null(strstr(text, "/srv/c.py:5\n    ... 39 more of these\n"), "%s", text);
	cr_assert_null(strstr(text, "\nthread 5002"), "%s", text);
	end();
}

Test(dump_output, names_that_mean_harm)
{
	static const char evil[] = "\033[31m\nEVIL\xff\xe2\x80\xae";
	json_t *json;

	make_up(&d, &t);
	make_step();
	strcpy(d.threads[0].name, evil);
	strcpy(d.loops[0].task_name, evil);
	d.threads[0].frames[0].function = evil;
	d.threads[0].frames[0].file = evil;
	d.loops[0].coroutine.name = evil;
	d.n_groups = 1;
	d.groups = calloc(1, sizeof(*d.groups));
	d.groups[0] = (struct dump_group){ .count = 1,
					   .parent = DUMP_NO_GROUP,
					   .coroutine = { evil, evil, 1 },
					   .n_frames = 1,
					   .frames = { { evil, evil, 2 } } };
	strcpy(d.groups[0].names[0], evil);
	strcpy(d.groups[0].waits_for, evil);
	write_text();
	cr_assert_null(strchr(text, '\033'));
	cr_assert_null(strstr(text, "\nEVIL"));
	free(text);
	json = write_json();
	json_decref(json);
	end();
}

Test(dump_output, json_says_what_is_left_out)
{
	const size_t n = DUMP_MAX_GROUPS;
	json_t *json;

	make_up(&d, &t);
	d.n_groups = n;
	d.groups = calloc(n, sizeof(*d.groups));
	for (size_t i = 0; i < n; i++)
		d.groups[i] = (struct dump_group){ .count = 2, .parent = DUMP_NO_GROUP };
	d.n_tasks = 2 * n + 7;
	d.n_tasks_unread = 4;
	d.n_ungrouped = 3;
	json = write_json();
	cr_assert_eq(json_integer_value(json_object_get(json, "tasks")), (json_int_t)(2 * n + 7));
	cr_assert_eq(json_array_size(json_object_get(json, "groups")), 1000);
	cr_assert_eq(json_integer_value(json_object_get(json, "tasks_not_shown")),
		     (json_int_t)(7 + 2 * (n - 1000)));
	json_decref(json);
	free(text);
	write_text();
	cr_assert_not_null(strstr(text, "... 3996 more groups of 7992 tasks\n"), "%s", text);
	cr_assert_not_null(strstr(text, "\n7 more tasks are not shown\n"), "%s", text);
	end();
}
