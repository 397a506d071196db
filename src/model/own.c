/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * See own.h. The stacks of a stall share most of their frames, so each code object and each
 * position in it is named once.
 */
#include "model/own.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/table.h"

/* Below the frames of the loop itself are those without a name, which never count. */
enum { RANK_UNKNOWN, RANK_LOOP, RANK_ORIGIN, N_RANKS = RANK_ORIGIN + ORIGIN_USER + 1 };

/* A function. */
struct own_code {
	uint64_t key;
	struct code_info info;
	unsigned int rank;
	bool is_boundary;
	uint32_t file_lines;
	/* Weights: of all stacks that hold it, of those in which it is the innermost or outermost.
	 */
	uint64_t weight_ns, inner_ns, outer_ns;
	size_t counted; /* number of the last stack that was added to weight_ns, plus 1 */
	UT_hash_handle hh;
};

struct own_spot_key {
	uint64_t code, position;
};

/* A line of a function. */
struct own_spot {
	struct own_spot_key key;
	struct own_code *code;
	uint32_t line;
	uint64_t weight_ns; /* of all stacks that hold it */
	uint64_t inner_ns; /* of those in which it is the user's innermost line */
	UT_hash_handle hh;
};

struct own {
	const struct own_rules *rules;
	const struct naming *naming;
	const struct pending_span *span;
	const struct runtime_words *words;
	struct own_code *codes; /* tables in the order of arrival */
	struct own_spot *spots;
	unsigned int rank; /* of the functions that count */
	unsigned int entry_rank; /* of those that may be the entry: the highest of all */
	enum ls_cause cause; /* only stacks of this cause count; LS_CAUSE_MAX: all */
	uint64_t total_ns;
};

static void own__done(struct own *o)
{
	table__free(o->spots, free);
	table__free(o->codes, free);
}

static bool begins_with(const char *file, const char *path, size_t n)
{
	return !strncmp(path, file, n) && (file[n] == '/' || file[n] == '\0');
}

/* A path that is not absolute may be anywhere in that of the file. */
static bool is_below(const char *path, const char *file)
{
	size_t n;

	while (path[0] == '.' && path[1] == '/')
		path += 2;
	n = strlen(path);
	while (n > 1 && path[n - 1] == '/')
		n--;
	if (!n || path[0] == '/')
		return n && begins_with(file, path, n);
	for (; file; file = strchr(file, '/')) {
		file += *file == '/';
		if (begins_with(file, path, n))
			return true;
	}
	return false;
}

static bool is_added(const struct own *o, const char *file)
{
	const struct own_rules *rules = o->rules;

	for (size_t i = 0; i < rules->n_paths; i++)
		if (is_below(rules->paths[i], file))
			return true;
	for (size_t i = 0; i < rules->n_packages; i++)
		if (runtime_words__is_of_package(o->words, file, rules->packages[i]))
			return true;
	return false;
}

static unsigned int rank_of(const struct own *o, struct own_code *code)
{
	const struct code_info *info = &code->info;
	enum frame_role role;
	enum code_origin origin;

	if (!code_info_is_known(info) || !strcmp(info->file, "?"))
		return RANK_UNKNOWN;
	role = runtime_words__frame_role(o->words, info->file, info->name);
	code->is_boundary = role == FRAME_BOUNDARY;
	if (role != FRAME_USER)
		return RANK_LOOP;
	if (is_added(o, info->file))
		return RANK_ORIGIN + ORIGIN_USER;
	origin = runtime_words__origin(o->words, info->file);
	if (origin != ORIGIN_USER || info->file[0] != '/')
		return RANK_ORIGIN + origin;
	code->file_lines = naming__file_lines(o->naming, code->key);
	return RANK_ORIGIN + (code->file_lines == CODE_NO_FILE ? ORIGIN_TEMPLATE : ORIGIN_USER);
}

static struct own_code *own__code(struct own *o, uint64_t key)
{
	struct own_code *code;

	table__find(o->codes, &key, code);
	if (code)
		return code;
	code = calloc(1, sizeof(*code));
	if (!code)
		return NULL;
	code->key = key;
	code->info = naming__code(o->naming, key);
	code->rank = rank_of(o, code);
	if (table__add(o->codes, code) < 0) {
		free(code);
		return NULL;
	}
	return code;
}

/* A compiled template claims lines that its file does not have. */
static void check_line(struct own_code *code, uint32_t line)
{
	if (code->file_lines && code->file_lines != CODE_NO_FILE && line > code->file_lines)
		code->rank = RANK_ORIGIN + ORIGIN_TEMPLATE;
}

static struct own_spot *own__spot(struct own *o, const struct ls_frame *frame)
{
	const struct own_spot_key key = { frame->code, frame->position };
	struct own_spot *spot;

	table__find(o->spots, &key, spot);
	if (spot)
		return spot;
	spot = calloc(1, sizeof(*spot));
	if (!spot)
		return NULL;
	spot->key = key;
	spot->code = own__code(o, frame->code);
	if (!spot->code || table__add(o->spots, spot) < 0) {
		free(spot);
		return NULL;
	}
	spot->line = naming__frame(o->naming, frame).line;
	check_line(spot->code, spot->line);
	return spot;
}

static const struct own_spot *find_spot(const struct own *o, const struct ls_frame *frame)
{
	const struct own_spot_key key = { frame->code, frame->position };
	const struct own_spot *spot;

	table__find(o->spots, &key, spot);
	return spot;
}

/*
 * Index of the loop's boundary around a callback, SIZE_MAX if there is none. A loop that the
 * callback runs inside this one is a part of it; of a native loop the last frame is the boundary.
 */
static size_t find_boundary(const struct own *o, const struct pending_stack *stack)
{
	size_t first = SIZE_MAX;
	const bool is_at_loop = stack->flags & LS_STACK_AT_LOOP;
	bool has_user = false;

	for (size_t i = 0; i < stack->n_frames; i++) {
		const struct own_code *code =
			stack->frames[i].code ? find_spot(o, &stack->frames[i])->code : NULL;

		if (!code)
			continue;
		if (code->is_boundary && first == SIZE_MAX)
			first = i;
		if (has_user && first != SIZE_MAX &&
		    (code->is_boundary || (is_at_loop && i == stack->n_frames - 1U)))
			return i;
		has_user = has_user || code->rank > RANK_LOOP;
	}
	return first;
}

/*
 * Number of the frames that are of the stall. The stack of a step ends with its coroutine; around a
 * callback are the frames of the loop, and around those the program that runs it.
 */
static size_t depth(const struct own *o, const struct pending_stack *stack)
{
	size_t boundary;

	if (stack->flags & LS_STACK_AT_CORO)
		return stack->n_frames;
	boundary = find_boundary(o, stack);
	if (boundary != SIZE_MAX)
		return boundary;
	if ((stack->flags & LS_STACK_AT_LOOP) && stack->n_frames > 0)
		return stack->n_frames - 1U;
	return stack->n_frames;
}

static int name_all(struct own *o)
{
	for (size_t i = 0; i < o->span->n_stacks; i++) {
		const struct pending_stack *stack = o->span->stacks[i];

		for (size_t j = 0; j < stack->n_frames; j++)
			if (stack->frames[j].code && !own__spot(o, &stack->frames[j]))
				return -ENOMEM;
	}
	return 0;
}

static uint64_t add_saturated(uint64_t a, uint64_t b)
{
	return a > UINT64_MAX - b ? UINT64_MAX : a + b;
}

static struct own_spot *spot_at(const struct own *o, const struct pending_stack *stack, size_t i)
{
	return stack->frames[i].code ? (struct own_spot *)find_spot(o, &stack->frames[i]) : NULL;
}

/* The highest of the stack's frames. */
static unsigned int rank_of_stack(const struct own *o, const struct pending_stack *stack)
{
	const size_t n = depth(o, stack);
	unsigned int rank = RANK_UNKNOWN;

	for (size_t i = 0; i < n; i++) {
		const struct own_spot *spot = spot_at(o, stack, i);

		if (spot && spot->code->rank > rank)
			rank = spot->code->rank;
	}
	return rank;
}

/* What a function holds at least of a step that it is to blame for. */
#define LEAST_SHARE 4 /* a quarter */

static void weigh_ranks(const struct own *o, uint64_t weights_ns[N_RANKS])
{
	for (size_t i = 0; i < o->span->n_stacks; i++) {
		const struct pending_stack *stack = o->span->stacks[i];
		uint64_t *weight_ns = &weights_ns[rank_of_stack(o, stack)];

		*weight_ns = add_saturated(*weight_ns, stack->weight_ns);
	}
}

/*
 * One step is one chain of calls, so a higher rank is the user's code that ran the lower ones; but
 * not if it was there for a moment only, and a library did the rest when it had returned.
 */
static unsigned int rank_of_step(const uint64_t weights_ns[N_RANKS])
{
	uint64_t all_ns = 0, so_far_ns = 0;
	unsigned int rank = N_RANKS;

	for (unsigned int i = 0; i < N_RANKS; i++)
		all_ns = add_saturated(all_ns, weights_ns[i]);
	while (rank > 0 && (so_far_ns < all_ns / LEAST_SHARE || !so_far_ns))
		so_far_ns = add_saturated(so_far_ns, weights_ns[--rank]);
	return rank;
}

/*
 * Between two steps several callbacks may run: of these the rank is that of the heaviest ones, or a
 * function that was seen once would stand for a C function that ran all the time.
 */
static unsigned int rank_of_callbacks(const uint64_t weights_ns[N_RANKS])
{
	unsigned int heaviest = RANK_UNKNOWN;

	for (unsigned int rank = 0; rank < N_RANKS; rank++)
		if (weights_ns[rank] && weights_ns[rank] >= weights_ns[heaviest])
			heaviest = rank;
	return heaviest;
}

static void find_ranks(struct own *o, enum ls_unit unit)
{
	uint64_t weights_ns[N_RANKS] = {};

	weigh_ranks(o, weights_ns);
	o->rank =
		unit == LS_UNIT_CALLBACK ? rank_of_callbacks(weights_ns) : rank_of_step(weights_ns);
	o->entry_rank = o->rank;
	for (unsigned int rank = o->rank + 1; rank < N_RANKS && unit != LS_UNIT_CALLBACK; rank++)
		if (weights_ns[rank])
			o->entry_rank = rank;
}

static bool counts(const struct own *o, const struct own_spot *spot)
{
	return spot && spot->code->rank == o->rank;
}

/* Number of the frames that count; 0 if the stack is of another cause. */
static size_t counted_depth(const struct own *o, const struct pending_stack *stack)
{
	return o->cause == LS_CAUSE_MAX || stack->cause == o->cause ? depth(o, stack) : 0;
}

static void reset(struct own *o)
{
	for (struct own_code *code = o->codes; code; code = code->hh.next)
		code->weight_ns = code->inner_ns = code->outer_ns = code->counted = 0;
	for (struct own_spot *spot = o->spots; spot; spot = spot->hh.next)
		spot->weight_ns = spot->inner_ns = 0;
	o->total_ns = 0;
}

/* A function that calls itself counts once in a stack, at its innermost line. */
static void weigh(struct own *o)
{
	for (size_t i = 0; i < o->span->n_stacks; i++) {
		const struct pending_stack *stack = o->span->stacks[i];
		const size_t n = counted_depth(o, stack);
		bool is_inner = true;

		o->total_ns = add_saturated(o->total_ns, n ? stack->weight_ns : 0);
		for (size_t j = 0; j < n; j++) {
			struct own_spot *spot = spot_at(o, stack, j);

			if (!counts(o, spot) || spot->code->counted == i + 1)
				continue;
			if (is_inner)
				spot->inner_ns = add_saturated(spot->inner_ns, stack->weight_ns);
			is_inner = false;
			spot->code->counted = i + 1;
			spot->weight_ns = add_saturated(spot->weight_ns, stack->weight_ns);
			spot->code->weight_ns =
				add_saturated(spot->code->weight_ns, stack->weight_ns);
		}
	}
}

static uint64_t heaviest_ns(const struct own *o)
{
	uint64_t ns = 0;

	for (const struct own_code *code = o->codes; code; code = code->hh.next)
		if (code->weight_ns > ns)
			ns = code->weight_ns;
	return ns;
}

/* Two functions that each hold more than half are in one stack, which says which is inside. */
static struct own_code *find_own(struct own *o)
{
	const uint64_t most_ns = heaviest_ns(o), half_ns = o->total_ns / 2;
	const uint64_t least_ns = most_ns > half_ns ? half_ns + 1 : most_ns;
	struct own_code *best = NULL;

	for (size_t i = 0; i < o->span->n_stacks; i++) {
		const struct pending_stack *stack = o->span->stacks[i];
		const size_t n = counted_depth(o, stack);

		for (size_t j = 0; j < n; j++) {
			struct own_spot *spot = spot_at(o, stack, j);

			if (!counts(o, spot) || spot->code->weight_ns < least_ns)
				continue;
			spot->code->inner_ns =
				add_saturated(spot->code->inner_ns, stack->weight_ns);
			if (!best || spot->code->inner_ns > best->inner_ns)
				best = spot->code;
			break;
		}
	}
	return best;
}

static bool holds(const struct pending_stack *stack, size_t n, const struct own_code *code)
{
	for (size_t i = 0; i < n; i++)
		if (stack->frames[i].code == code->key)
			return true;
	return false;
}

static struct own_code *find_entry(struct own *o, const struct own_code *own)
{
	struct own_code *best = NULL;

	for (size_t i = 0; i < o->span->n_stacks; i++) {
		const struct pending_stack *stack = o->span->stacks[i];
		const size_t n = depth(o, stack);

		const bool is_candidate = o->entry_rank > o->rank || holds(stack, n, own);

		for (size_t j = is_candidate ? n : 0; j > 0; j--) {
			struct own_spot *spot = spot_at(o, stack, j - 1);

			if (!spot || spot->code->rank != o->entry_rank)
				continue;
			spot->code->outer_ns =
				add_saturated(spot->code->outer_ns, stack->weight_ns);
			if (!best || spot->code->outer_ns > best->outer_ns)
				best = spot->code;
			break;
		}
	}
	return best;
}

static const struct own_spot *heaviest_spot(const struct own *o, const struct own_code *code)
{
	const struct own_spot *best = NULL;

	for (const struct own_spot *s = o->spots; s; s = s->hh.next)
		if (s->code == code && (!best || s->weight_ns > best->weight_ns))
			best = s;
	return best;
}

static struct model_frame heaviest_line(const struct own *o, const struct own_code *code)
{
	const struct own_spot *spot = heaviest_spot(o, code);

	return (struct model_frame){ code->info.name, code->info.file, spot ? spot->line : 0 };
}

static uint64_t line_ns(const struct own *o, const struct own_code *code)
{
	const struct own_spot *spot = heaviest_spot(o, code);

	return spot ? spot->weight_ns : 0;
}

/* Without a stack a step is still known to be inside its coroutine. */
static void fill_from_coroutine(struct stall *stall)
{
	const struct code_info *c = &stall->coroutine;

	if (!code_info_is_known(c) || !strcmp(c->file, "?"))
		return;
	stall->own = stall->entry = (struct model_frame){ c->name, c->file, c->first_line };
	stall->own_def_line = stall->entry_def_line = c->first_line;
	stall->is_entry_users = !runtime_words__is_library(stall->words, c->file);
	stall->own_share = 1;
}

static void fill_from_stacks(struct own *o, struct stall *stall)
{
	const struct own_code *own = find_own(o);
	const struct own_code *entry = own ? find_entry(o, own) : NULL;

	if (!own || !entry) {
		fill_from_coroutine(stall);
		return;
	}
	stall->own = heaviest_line(o, own);
	stall->own_def_line = own->info.first_line;
	stall->source = naming__source(o->naming, own->key, stall->own.line);
	stall->own_share = o->total_ns ? (double)own->weight_ns / (double)o->total_ns : 1;
	stall->entry = heaviest_line(o, entry);
	stall->entry_def_line = entry->info.first_line;
	stall->is_entry_users = o->entry_rank == RANK_ORIGIN + ORIGIN_USER;
}

static void add_share(struct own *o, struct stall *stall, const struct own_code *code,
		      uint32_t line, uint64_t weight_ns)
{
	if (stall->n_shares == STALL_MAX_SHARES || !o->total_ns)
		return;
	stall->shares[stall->n_shares++] = (struct stall_share){
		.cause = o->cause,
		.at = { code->info.name, code->info.file, line },
		.def_line = code->info.first_line,
		.share = (double)weight_ns / (double)o->total_ns,
	};
}

/* Moves what was seen at other positions of the line to its first one. */
static void merge_lines(struct own *o)
{
	for (struct own_spot *a = o->spots; a; a = a->hh.next)
		for (struct own_spot *b = a->hh.next; a->inner_ns && b; b = b->hh.next) {
			if (b->code != a->code || b->line != a->line)
				continue;
			a->inner_ns = add_saturated(a->inner_ns, b->inner_ns);
			b->inner_ns = 0;
		}
}

/* Calls that block are faults of their own, if each holds as much as makes a function count. */
static void fill_lines(struct own *o, struct stall *stall)
{
	merge_lines(o);
	for (;;) {
		struct own_spot *best = NULL;

		for (struct own_spot *s = o->spots; s; s = s->hh.next)
			if (!best || s->inner_ns > best->inner_ns)
				best = s;
		if (!best || !best->inner_ns || best->inner_ns < o->total_ns / (LEAST_SHARE + 1))
			return;
		add_share(o, stall, best->code, best->line, best->inner_ns);
		best->inner_ns = 0;
	}
}

/* Of one cause: its lines, or the function that most of its time went through. */
static void fill_shares_of(struct own *o, struct stall *stall)
{
	const size_t n_before = stall->n_shares;
	const struct own_code *own;
	const bool is_blocked = ls_cause_class(o->cause) == LS_CLASS_BLOCKED;

	reset(o);
	weigh(o);
	if (is_blocked)
		fill_lines(o, stall);
	own = stall->n_shares == n_before ? find_own(o) : NULL;
	if (own)
		add_share(o, stall, own, heaviest_line(o, own).line,
			  is_blocked ? line_ns(o, own) : own->weight_ns);
}

static void fill_shares(struct own *o, struct stall *stall)
{
	for (o->cause = LS_CAUSE_CPU; o->cause < LS_CAUSE_MAX; o->cause++)
		if (ls_cause_host(o->cause) != LS_HOST_OWN && stall->cause_ns[o->cause])
			fill_shares_of(o, stall);
}

int own__fill(const struct own_rules *rules, const struct naming *naming,
	      const struct pending_span *span, struct stall *stall)
{
	_cleanup_(own__done) struct own o = {
		.rules = rules,
		.naming = naming,
		.span = span,
		.words = stall->words,
		.cause = LS_CAUSE_MAX,
	};
	int r = name_all(&o);

	if (r < 0)
		return r;
	find_ranks(&o, stall->unit);
	weigh(&o);
	if (o.rank == RANK_UNKNOWN) {
		fill_from_coroutine(stall);
		return 0;
	}
	fill_from_stacks(&o, stall);
	fill_shares(&o, stall);
	return 0;
}
