/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The tree of stacks. A node is a parent and a frame, numbered by first arrival.
 */
#include "report/stacks.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "model/naming.h"
#include "model/native_stack.h"
#include "model/vocabulary.h"

/*
 * Moves *node to its child for the frame. Returns 0, 1 if the tree is full and *node stays, or
 * -ENOMEM.
 */
static int descend(struct stacks *s, uint32_t *node, const struct stacks_frame *frame)
{
	uint32_t key[2] = { *node, 0 }, child;
	int r;

	if (s->tree.n >= STACKS_MAX_NODES)
		return 1;
	r = intern__add(&s->frames, frame, sizeof(*frame), &key[1]);
	if (r < 0)
		return r;
	r = ARRAY_RESERVE(s->nodes, s->n_room, s->tree.n + 1);
	if (r < 0)
		return r;
	r = intern__add(&s->tree, key, sizeof(key), &child);
	if (r < 0)
		return r;
	if (r == 1)
		s->nodes[child] = (struct stacks_node){ .parent = key[0], .frame = key[1] };
	*node = child;
	return 0;
}

/* As descend(), by names. `name` and `file` may be NULL. */
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

/* Frames without a function that follow each other in one module become one. */
static int descend_to_native(struct stacks *s, uint32_t *node, const struct stall *stall)
{
	char label[NATIVE_MODULE_BYTES + 2], before[NATIVE_MODULE_BYTES + 2] = "";
	char module[NATIVE_MODULE_BYTES];
	int r = 0;

	for (size_t i = stall->n_native; r == 0 && i-- > 0;) {
		const struct model_native *f = &stall->native_stack[i];

		native_label(f, label);
		native_module(f, module);
		if (!native_function(f) && !strcmp(label, before))
			continue;
		memcpy(before, label, sizeof(before));
		r = descend_to(s, node, STACKS_NATIVE, label, native_function(f) ? module : NULL,
			       0);
	}
	return r;
}

static int descend_to_call(struct stacks *s, uint32_t *node, const struct stall *stall)
{
	int r = 0;

	for (size_t i = stall->n_frames; r == 0 && i-- > 0;) {
		const struct model_frame *f = &stall->stack[i];

		if (frame_is_known(f))
			r = descend_to(s, node, STACKS_FRAME, f->function, f->file, f->line);
		else
			r = descend_to(s, node, STACKS_FRAME, "(code that was freed)", NULL, 0);
	}
	if (r == 0 && !stall->n_frames && stall->call.function)
		r = descend_to(s, node, STACKS_FRAME, stall->call.function, stall->call.file,
			       stall->call.line);
	return r ? r : descend_to_native(s, node, stall);
}

/* Adds the leaf of a cause below `node`; counts it if the tree is full. */
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
		n = asprintf(&label, "%s%s %s", name, f->kind == STACKS_COROUTINE ? "()" : "",
			     file);
	return n < 0 ? NULL : label;
}
