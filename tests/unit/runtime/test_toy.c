/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A second runtime, which exists here only: it is examined, measured (by a script), reported and
 * shown through the same tables as the real one, and nothing of the real one's words shows.
 */
#include <errno.h>
#include <unistd.h>

#include "model/lint.h"
#include "model/script.h"
#include "model/vocabulary.h"
#include "process/examine.h"
#include "report/stalls.h"
#include "runtime/runtime.h"
#include "symbol/symbol.h"
#include "view/stage.h"

#define TOY_LOOP 0x5000ULL
#define TOY_ID 99

static enum frame_role toy_role(const char *file, const char *function)
{
	(void)file;
	return !strcmp(function, "tick") ? FRAME_BOUNDARY : FRAME_USER;
}

static const char *toy_call(enum ls_cause cause, const char *syscall)
{
	(void)syscall;
	return cause == LS_CAUSE_SLEEP ? "toy.nap" : NULL;
}

static bool toy_given_name(const char *name)
{
	return !strncmp(name, "toy#", 4);
}

static const struct finding_words toy_findings[FINDING_MAX] = {
	[FINDING_SLEEP] = { "naps on the loop", "nap on the loop", "Blocks the loop in toy.nap",
			    "Use toy.doze(...)" },
};

static const struct runtime_words toy_words = {
	.name = "toy",
	.title = "Toytime",
	.language = "Toy",
	.frame_role = toy_role,
	.is_given_name = toy_given_name,
	.call = toy_call,
	.findings = toy_findings,
	.not_there = "no toy was wound up yet",
	.not_up = "its spring is still being wound",
	.no_loops = "it has no tick yet",
};

static const struct loop_kind toy_kind = { .word = "ticker" };

static bool toy_traces(const struct maps *maps)
{
	return maps->n > 0;
}

static int toy_examine(struct examination *x)
{
	x->t->own = strdup("spring");
	if (!x->t->own)
		return -ENOMEM;
	snprintf(x->t->version, sizeof(x->t->version), "1.2");
	x->t->is_up = true;
	x->t->has_loops = true;
	x->t->anchor = x->maps->entries[0].start;
	return 0;
}

static int not_mine(struct examination *x)
{
	x->t->own = strdup("left behind");
	return -ENOENT;
}

static int toy_threads(const struct target *t, struct target_loop_thread *threads, size_t max)
{
	if (!max)
		return 0;
	threads[0] = (struct target_loop_thread){
		.tid = t->pid, .loop = TOY_LOOP, .kind = &toy_kind, .type_name = "Ticker"
	};
	return 1;
}

static int toy_resolve(const struct target *t, uint64_t loop, struct ls_loop *info,
		       const struct loop_kind **ret_kind)
{
	(void)t;
	(void)info;
	*ret_kind = &toy_kind;
	return loop == TOY_LOOP ? 0 : -ENOENT;
}

static bool toy_queue(const struct ls_loop *info)
{
	(void)info;
	return false;
}

/* A code object as this runtime has it; its frames count the lines from `first_line`. */
#define TOY_MAGIC 0x544f59U
#define TOY_LINES 4
struct toy_code {
	uint32_t magic, first_line;
	char name[16], file[16];
	uint8_t lines[TOY_LINES]; /* of each position, relative */
};

static int toy_stamp(struct frame_source *s, uint64_t code, struct code_stamp *ret_stamp)
{
	uint32_t head[2];
	int r = s->read(s->ctx, code, head, sizeof(head));

	if (r)
		return r;
	if (head[0] != TOY_MAGIC)
		return -EFAULT;
	*ret_stamp = (struct code_stamp){ .words = { code, head[1] } };
	return 0;
}

static void toy_names(const struct frame_source *s, const struct code_stamp *stamp,
		      struct code_names *ret_names)
{
	struct toy_code code;

	*ret_names = (struct code_names){ .first_line = (uint32_t)stamp->words[1],
					  .is_qualified = true };
	if (s->read(s->ctx, stamp->words[0], &code, sizeof(code)))
		return;
	ret_names->name = strndup(code.name, sizeof(code.name));
	ret_names->file = strndup(code.file, sizeof(code.file));
}

static int toy_lines(const struct frame_source *s, const struct code_stamp *stamp,
		     uint8_t **ret_table, size_t *ret_size)
{
	uint8_t *table = malloc(TOY_LINES);
	int r = table ? s->read(s->ctx, stamp->words[0] + offsetof(struct toy_code, lines), table,
				TOY_LINES) :
			-ENOMEM;

	if (r) {
		free(table);
		return r;
	}
	*ret_table = table;
	*ret_size = TOY_LINES;
	return 0;
}

static uint32_t toy_line(const struct frame_source *s, const struct code_stamp *stamp,
			 const uint8_t *table, size_t size, const struct ls_frame *frame)
{
	(void)s;
	return frame->position < size ? (uint32_t)stamp->words[1] + table[frame->position] : 0;
}

/* This runtime numbers its threads from the last one down. */
static int toy_tid(const struct frame_source *s, uint64_t tstate, uint64_t id, uint32_t *ret_tid)
{
	(void)s;
	(void)tstate;
	*ret_tid = UINT32_MAX - (uint32_t)id;
	return 0;
}

#define TOY_REQUIRED                                                                               \
	.id = TOY_ID, .words = &toy_words, .has_traces = toy_traces, .examine = toy_examine,       \
	.free = free, .loop_threads = toy_threads, .resolve_loop = toy_resolve,                    \
	.has_queue = toy_queue

/* Only what a runtime must have. */
static const struct runtime_ops toy = { TOY_REQUIRED };

static const struct runtime_ops toy_with_frames = {
	TOY_REQUIRED,
	.code_stamp = toy_stamp,
	.code_names = toy_names,
	.code_lines = toy_lines,
	.frame_line = toy_line,
	.thread_tid = toy_tid,
};

static const struct runtime_ops stranger = {
	.id = TOY_ID + 1,
	.words = &toy_words,
	.has_traces = toy_traces,
	.examine = not_mine,
	.free = free,
	.loop_threads = toy_threads,
	.resolve_loop = toy_resolve,
	.has_queue = toy_queue,
};

static struct target *examine_self(const struct runtime_ops *const *all, struct err *err,
				   int expected)
{
	const struct target_context context = { .runtimes = all };
	struct target *t = NULL;

	cr_assert_eq(target__examine(&t, getpid(), &context, err), expected, "%s", err->what);
	return t;
}

Test(runtime, a_second_one_is_examined_through_the_table)
{
	static const struct runtime_ops *const all[] = { &stranger, &toy, NULL };
	struct target_loop_thread threads[2];
	struct target_description about;
	const struct loop_kind *kind;
	struct ls_loop info = { 0 };
	struct err err = { 0 };
	struct target *t = examine_self(all, &err, 0);

	cr_assert_eq(t->runtime, &toy);
	cr_assert_str_eq(t->own, "spring");
	cr_assert_str_eq(t->version, "1.2");
	cr_assert_eq(t->proc.runtime, TOY_ID);
	cr_assert(t->proc.is_light, "no step function was found");
	cr_assert(target__is_current(t));
	cr_assert_eq(target__loop_threads(t, threads, 2), 1);
	cr_assert_str_eq(target_loop_kind_word(threads[0].kind), "ticker");
	cr_assert_eq(target__resolve_loop(t, TOY_LOOP, &info, &kind), 0);
	cr_assert_str_eq(target_loop_kind_word(kind), "ticker");
	cr_assert_not(target__has_queue(t, &info));
	target__describe(t, &about);
	cr_assert_null(about.file);
	target__free(t);
}

Test(runtime, what_it_leaves_out_is_not_supported)
{
	static const struct runtime_ops *const all[] = { &toy, NULL };
	struct target_executor executor;
	struct target_tasks tasks = { 0 };
	struct ls_loop info = { 0 };
	struct ls_pystr name;
	struct err err = { 0 };
	struct target *t = examine_self(all, &err, 0);
	uint64_t task;

	cr_assert_eq(target__count_tasks(t), -ENOTSUP);
	cr_assert_eq(target__tasks(t, 1, NULL, &tasks), -ENOTSUP);
	cr_assert_eq(target__count_ready(t, &info), -ENOTSUP);
	cr_assert_eq(target__task_of_coroutine(t, 1, &task, &name), -ENOTSUP);
	cr_assert_eq(target__find_running_task(t), 0);
	cr_assert_eq(target__executor(t, TOY_LOOP, &executor), 0);
	cr_assert_eq(executor.max_workers, 0, "it has none");
	target__free(t);
}

Test(runtime, a_process_that_none_takes_is_refused_by_all_their_names)
{
	static const struct runtime_ops *const all[] = { &stranger, &stranger, NULL };
	struct err err = { 0 };

	cr_assert_null(examine_self(all, &err, -ENOEXEC));
	cr_assert(strstr(err.what, "holds no Toytime or Toytime"), "%s", err.what);
}

static const struct runtime_words *words_of_toy(void *ctx, uint32_t pid)
{
	(void)ctx;
	return pid == PID ? &toy_words : NULL;
}

static struct script *toy_script(void)
{
	static struct resolver_ops ops;
	const struct resolver resolver = { &ops, NULL };
	struct script *s = calloc(1, sizeof(*s));

	ops = script_ops;
	ops.words = words_of_toy;
	cr_assert_not_null(s);
	s->now_ns = 1000 * MS;
	cr_assert_eq(model__new(&s->model, &resolver, script_on_stall, s), 0);
	return s;
}

static void nap(struct script *s, enum ls_unit unit)
{
	struct ls_rec_stack stack = script_stack(s, 1, LS_CAUSE_SLEEP, 50 * MS);
	struct ls_rec_stall stall = script_stall(s, 1, unit);

	script_frame(&stack, FETCH_ROW, 31);
	script_frame(&stack, HANDLER, 14);
	script_frame(&stack, TICK, 6);
	stack.syscall = 230;
	script_send_stack(s, &stack);
	script_time(&stall, LS_CAUSE_SLEEP, 50 * MS);
	script_send_stall(s, &stall);
}

Test(runtime, its_frames_bound_a_callback)
{
	struct script *s = toy_script();

	nap(s, LS_UNIT_CALLBACK);
	cr_assert_eq(s->stall.words, &toy_words);
	cr_assert_str_eq(s->stall.coroutine.name, "handler", "%s", s->stall.coroutine.name);
	cr_assert_eq(s->stall.n_frames, 2, "the loop's own frame is left out");
	script_free(s);
}

Test(runtime, its_words_say_what_to_do)
{
	struct lint_finding findings[LINT_MAX_FINDINGS];
	const struct snapshot *snapshot;
	struct lint_verdict verdict;
	struct script *s = toy_script();

	nap(s, LS_UNIT_STEP);
	cr_assert(lint__stall(&s->stall, 0, &verdict));
	cr_assert_str_eq(verdict.advice, "Use toy.doze(...)");
	cr_assert_eq(model__snapshot(s->model, &snapshot), 0);
	cr_assert(lint__site(&snapshot->sites[0], 0, &verdict));
	cr_assert_str_eq(verdict.verdict, "Blocks the loop in toy.nap");
	cr_assert_eq(lint__check(snapshot, 0, findings, LINT_MAX_FINDINGS), 1);
	cr_assert_str_eq(findings[0].summary, "1 function naps on the loop (1 stall)");
	script_free(s);
}

Test(runtime, what_it_has_no_words_for_is_said_in_neutral_ones)
{
	struct script *s = toy_script();
	struct lint_verdict verdict;

	script_at(s, 1, LS_CAUSE_LOCK, 50 * MS, FETCH_ROW, 31);
	script_end(s, 1, LS_CAUSE_LOCK);
	cr_assert(lint__stall(&s->stall, 0, &verdict));
	cr_assert_null(strstr(verdict.advice, "asyncio"), "%s", verdict.advice);
	cr_assert_str_eq(vocabulary_call(&toy_words, LS_CAUSE_LOCK, SIGN_NONE, "futex",
					 VOCABULARY_LONG),
			 "lock");
	cr_assert_null(vocabulary_call(&toy_words, LS_CAUSE_GIL, SIGN_NONE, NULL, VOCABULARY_LONG));
	script_free(s);
}

Test(runtime, its_words_are_in_the_text_report)
{
	const struct report_opts opts = { .mode = "exact" };
	struct script *s = toy_script();
	char *text;

	nap(s, LS_UNIT_STEP);
	text = stall_text("text", &s->stall, &opts);
	cr_assert(strstr(text, "toy.nap"), "%s", text);
	cr_assert_null(strstr(text, "time.sleep"), "%s", text);
	free(text);
	script_free(s);
}

Test(runtime, its_words_are_on_the_screen)
{
	struct script *s = toy_script();
	const struct snapshot *snapshot;
	struct stage stage;

	nap(s, LS_UNIT_STEP);
	cr_assert_eq(model__snapshot(s->model, &snapshot), 0);
	stage__init(&stage, &(struct view_opts){ 0 });
	stage.fixture->snapshot = *snapshot;
	stage__type(&stage, "3");
	cr_expect(stage__shows(&stage, "toy.nap"));
	cr_expect_not(stage__shows(&stage, "time.sleep"));
	stage__type(&stage, "5");
	stage__key(&stage, VKEY_ENTER);
	cr_expect(stage__shows(&stage, "toy.doze"));
	stage__done(&stage);
	script_free(s);
}

static const struct toy_code toy_serve = { TOY_MAGIC, 10, "serve", "/toys/serve.toy", { 0, 4 } };
static const struct toy_code toy_fetch = { TOY_MAGIC, 30, "fetch", "/toys/fetch.toy", { 0, 1 } };
static const struct toy_code toy_tick = { TOY_MAGIC, 5, "tick", "/lib/toy/spring", { 0, 1 } };

static uint64_t code_of(const struct toy_code *code)
{
	return (uint64_t)(uintptr_t)code;
}

/* This process as one of the runtime, known to the live resolver. */
static struct symbols *know_self(const struct runtime_ops *ops)
{
	const struct runtime_ops *const all[] = { ops, NULL };
	struct symbols *symbols = NULL;
	struct err err = { 0 };
	struct target *t = examine_self(all, &err, 0);

	cr_assert_eq(symbols__new(&symbols), 0);
	cr_assert_eq(symbols__add_process(symbols, t), 0);
	target__free(t);
	return symbols;
}

Test(runtime, its_frames_and_threads_are_resolved_through_the_table)
{
	struct symbols *symbols = know_self(&toy_with_frames);
	const struct resolver r = symbols__resolver(symbols);
	const uint32_t pid = (uint32_t)getpid(), tid = (uint32_t)gettid();
	struct ls_frame frame = { code_of(&toy_fetch), 1 };
	struct code_info info;

	cr_assert_eq(r.ops->code(r.ctx, pid, frame.code, 8, &info), 0);
	cr_assert_str_eq(info.name, "fetch");
	cr_assert_str_eq(info.file, "/toys/fetch.toy");
	cr_assert_eq(info.first_line, 30);
	cr_assert_eq(r.ops->line(r.ctx, pid, &frame), 31);
	frame.position = TOY_LINES;
	cr_assert_eq(r.ops->line(r.ctx, pid, &frame), 0);
	cr_assert_eq(r.ops->code(r.ctx, pid, code_of(&toy_fetch) + 4, 0, &info), -ENOENT);
	cr_assert_eq(r.ops->thread(r.ctx, pid, 1, UINT32_MAX - tid), tid);
	cr_assert_eq(r.ops->thread(r.ctx, pid, 1, 5), 0, "the process has no such thread");
	cr_assert_eq(r.ops->words(r.ctx, pid), &toy_words);
	symbols__free(symbols);
}

Test(runtime, without_functions_for_frames_they_have_no_names)
{
	struct symbols *symbols = know_self(&toy);
	const struct resolver r = symbols__resolver(symbols);
	const struct ls_frame frame = { code_of(&toy_fetch), 1 };
	const uint32_t pid = (uint32_t)getpid();
	struct code_info info;

	cr_assert_eq(r.ops->code(r.ctx, pid, frame.code, 8, &info), -ENOENT);
	cr_assert_str_eq(info.name, "?");
	cr_assert_eq(r.ops->line(r.ctx, pid, &frame), 0);
	cr_assert_eq(r.ops->thread(r.ctx, pid, 1, 1), 0);
	symbols__free(symbols);
}

/* As nap(), of this very process: a nap in fetch, called by serve. */
static void nap_here(struct script *s, enum ls_unit unit)
{
	struct ls_rec_stack stack = script_stack(s, 1, LS_CAUSE_SLEEP, 50 * MS);
	struct ls_rec_stall stall = script_stall(s, 1, unit);

	stack.hdr.tgid = stall.hdr.tgid = (uint32_t)getpid();
	stall.code = code_of(&toy_serve);
	script_frame(&stack, code_of(&toy_fetch), 1);
	script_frame(&stack, code_of(&toy_serve), 1);
	script_frame(&stack, code_of(&toy_tick), 1);
	script_send_stack(s, &stack);
	script_time(&stall, LS_CAUSE_SLEEP, 50 * MS);
	script_send_stall(s, &stall);
}

static struct script *script_of(struct symbols *symbols)
{
	const struct resolver resolver = symbols__resolver(symbols);
	struct script *s = calloc(1, sizeof(*s));

	cr_assert_not_null(s);
	s->now_ns = 1000 * MS;
	cr_assert_eq(model__new(&s->model, &resolver, script_on_stall, s), 0);
	return s;
}

Test(runtime, its_names_and_lines_are_in_stall_report_and_screen)
{
	struct symbols *symbols = know_self(&toy_with_frames);
	const struct report_opts opts = { .mode = "exact" };
	struct script *s = script_of(symbols);
	const struct snapshot *snapshot;
	struct stage stage;
	char *text;

	nap_here(s, LS_UNIT_STEP);
	cr_assert_str_eq(s->stall.coroutine.name, "serve");
	cr_assert_eq(s->stall.coroutine.first_line, 10);
	cr_assert_str_eq(s->stall.stack[0].function, "fetch");
	cr_assert_eq(s->stall.stack[0].line, 31);
	cr_assert_eq(s->stall.stack[1].line, 14);
	text = stall_text("text", &s->stall, &opts);
	cr_assert(strstr(text, "toys/fetch.toy:31 in fetch: toy.nap"), "%s", text);
	free(text);
	cr_assert_eq(model__snapshot(s->model, &snapshot), 0);
	stage__init(&stage, &(struct view_opts){ 0 });
	stage.fixture->snapshot = *snapshot;
	stage__type(&stage, "3");
	cr_expect(stage__shows(&stage, "fetch.toy:31"));
	stage__done(&stage);
	script_free(s);
	symbols__free(symbols);
}

Test(runtime, its_own_frames_are_left_out_of_a_callback)
{
	struct symbols *symbols = know_self(&toy_with_frames);
	struct script *s = script_of(symbols);

	nap_here(s, LS_UNIT_CALLBACK);
	cr_assert_str_eq(s->stall.coroutine.name, "serve");
	cr_assert_eq(s->stall.n_frames, 2);
	script_free(s);
	symbols__free(symbols);
}

Test(runtime, words_are_found_by_name)
{
	cr_assert_str_eq(runtime_words__find("python")->title, "CPython");
	cr_assert_null(runtime_words__find("toy"), "it is not registered");
	cr_assert_eq(runtime_words__default(), runtimes[0]->words);
}
