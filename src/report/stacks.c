/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The tree: a node is a parent and a frame, numbered as they come.
 */
#include "report/stacks.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "model/vocabulary.h"

/* Gives the node its frame's child, or itself where the tree is full. Returns 1 then, 0 or -ENOMEM. */
static int descend(struct stacks *s, uint32_t *node, const struct stacks_frame *frame)
{
	uint32_t key[2] = { *node, 0 }, child;
	int r;

	if (s->tree.n >= STACKS_MAX_NODES)
		return 1;
	r = intern__add(&s->frames, frame, sizeof(*frame), &key[1]);
	if (r < 0)
		return r;
	if (s->tree.n == s->n_room) {
		size_t n_room = s->n_room ? 2 * s->n_room : 64;
		struct stacks_node *nodes = reallocarray(s->nodes, n_room, sizeof(*nodes));

		if (!nodes)
			return -ENOMEM;
		s->nodes = nodes;
		s->n_room = n_room;
	}
	r = intern__add(&s->tree, key, sizeof(key), &child);
	if (r < 0)
		return r;
	if (r == 1)
		s->nodes[child] = (struct stacks_node){ .parent = key[0], .frame = key[1] };
	*node = child;
	return 0;
}

/* As descend(), by the names. `name` and `file` may be NULL. */
static int descend_to(struct stacks *s, uint32_t *node, enum stacks_kind kind, const char *name,
		      const char *file, uint32_t line)
{
	struct stacks_frame frame = { .kind = kind, .line = line };
	int r;

	r = intern__add_text(&s->texts, name ? name : "?", &frame.name);
	if (r >= 0)
		r = intern__add_text(&s->texts, file ? file : "", &frame.file);
	return r < 0 ? r : descend(s, node, &frame);
}

int stacks__init(struct stacks *s)
{
	uint32_t node = STACKS_ROOT;

	return descend_to(s, &node, STACKS_ALL, "all loops", NULL, 0);
}

void stacks__done(struct stacks *s)
{
	intern__done(&s->texts);
	intern__done(&s->frames);
	intern__done(&s->tree);
	free(s->nodes);
	s->nodes = NULL;
}

static int descend_to_coroutine(struct stacks *s, uint32_t *node, const struct stall *stall)
{
	char title[STACKS_TITLE_BYTES];
	int r;

	snprintf(title, sizeof(title), "loop %u of %u", stall->tid, stall->pid);
	r = descend_to(s, node, STACKS_LOOP, title, NULL, 0);
	if (r)
		return r;
	if (stall->coroutine.name)
		return descend_to(s, node, STACKS_COROUTINE, stall->coroutine.name,
				  stall->coroutine.file, stall->coroutine.first_line);
	snprintf(title, sizeof(title), "(%s)", vocabulary_unit(stall->unit));
	return descend_to(s, node, STACKS_COROUTINE, title, NULL, 0);
}

static int descend_to_call(struct stacks *s, uint32_t *node, const struct stall *stall)
{
	int r = 0;

	for (size_t i = stall->n_frames; r == 0 && i-- > 0;) {
		const struct model_frame *f = &stall->stack[i];

		r = descend_to(s, node, STACKS_FRAME, f->function, f->file, f->line);
	}
	if (r == 0 && !stall->n_frames && stall->call.function)
		r = descend_to(s, node, STACKS_FRAME, stall->call.function, stall->call.file,
			       stall->call.line);
	return r;
}

/* The node of a cause below `node`; counts what is cut. */
static int add_part(struct stacks *s, uint32_t node, enum ls_cause cause, uint64_t ns,
		    struct stacks_part *ret_part)
{
	char title[STACKS_TITLE_BYTES];
	int r;

	snprintf(title, sizeof(title), "[%s]", vocabulary_cause(cause));
	r = descend_to(s, &node, STACKS_CAUSE, title, NULL, 0);
	if (r < 0)
		return r;
	s->nodes[node].self_ns += ns;
	*ret_part = (struct stacks_part){ .node = node, .ns = ns, .cause = cause };
	return r;
}

int stacks__add(struct stacks *s, const struct stall *stall,
		struct stacks_part ret_parts[LS_CAUSE_MAX])
{
	uint32_t coroutine = STACKS_ROOT, call;
	bool is_cut;
	int r, n = 1;

	r = descend_to_coroutine(s, &coroutine, stall);
	if (r < 0)
		return r;
	is_cut = r > 0;
	call = coroutine;
	r = descend_to_call(s, &call, stall);
	if (r < 0)
		return r;
	is_cut = is_cut || r > 0;
	r = add_part(s, call, stall->cause, stall->cause_ns[stall->cause], &ret_parts[0]);
	if (r < 0)
		return r;
	is_cut = is_cut || r > 0;
	s->nodes[ret_parts[0].node].stalls++;
	s->nodes[ret_parts[0].node].starved_ns += stall->starved_ns;
	for (enum ls_cause c = 0; c < LS_CAUSE_MAX; c++) {
		if (c == stall->cause || !stall->cause_ns[c])
			continue;
		r = add_part(s, coroutine, c, stall->cause_ns[c], &ret_parts[n++]);
		if (r < 0)
			return r;
		is_cut = is_cut || r > 0;
	}
	s->cut += is_cut;
	return n;
}

char *stacks__label(const struct stacks *s, uint32_t frame)
{
	const struct stacks_frame *f = stacks__frame(s, frame);
	const char *name = stacks__text(s, f->name), *file = stacks__text(s, f->file);
	char *label;
	int n;

	if (!*file)
		n = asprintf(&label, "%s", name);
	else if (f->line)
		n = asprintf(&label, "%s%s %s:%u", name, f->kind == STACKS_COROUTINE ? "()" : "",
			     file, f->line);
	else
		n = asprintf(&label, "%s%s %s", name, f->kind == STACKS_COROUTINE ? "()" : "", file);
	return n < 0 ? NULL : label;
}
