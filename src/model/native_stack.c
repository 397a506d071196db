/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Of the native stacks that were seen at the stall's place, the one seen most often; of equal ones
 * the last, because copies are made each time the age of a span has doubled.
 */
#include "model/native_stack.h"

#include <stdio.h>
#include <string.h>

#include "base/array.h"

static const char *name_of(const struct resolver *r, uint32_t pid, const struct pending_native *n,
			   size_t i)
{
	return r->ops->native(r->ctx, pid, n->ips[i]);
}

static bool is_same_name(const char *a, const char *b)
{
	return a == b || (a && b && !strcmp(a, b));
}

static bool is_same_code(const struct resolver *r, uint32_t pid, const struct pending_native *a,
			 const struct pending_native *b)
{
	if (a->n_ips != b->n_ips)
		return false;
	for (size_t i = 0; i < a->n_ips; i++)
		if (!is_same_name(name_of(r, pid, a, i), name_of(r, pid, b, i)))
			return false;
	return true;
}

/* Was it seen where the stack was? At another instruction of the same line is the same place. */
static bool is_at(const struct resolver *r, uint32_t pid, const struct pending_native *n,
		  const struct pending_stack *stack)
{
	const struct ls_frame *a = &n->place.frame, *b = &stack->frames[0];

	if (n->place.cause != stack->cause || a->code != b->code)
		return false;
	/* One call may wait in several system calls: the stack goes by that of its longest wait. */
	if (stack->native_ip && n->n_ips && n->ips[0] != stack->native_ip)
		return false;
	return a->position == b->position ||
		r->ops->line(r->ctx, pid, a) == r->ops->line(r->ctx, pid, b);
}

static const struct pending_native *choose(const struct resolver *r, uint32_t pid,
					   const struct pending_span *span,
					   const struct pending_stack *stack)
{
	const struct pending_native *best = NULL;
	uint32_t best_count = 0;

	for (size_t i = 0; i < span->n_natives; i++) {
		uint32_t count = 0;

		if (!is_at(r, pid, span->natives[i], stack))
			continue;
		for (size_t k = 0; k < span->n_natives; k++)
			if (is_at(r, pid, span->natives[k], stack) &&
			    is_same_code(r, pid, span->natives[i], span->natives[k]))
				count += span->natives[k]->count;
		if (count >= best_count) {
			best = span->natives[i];
			best_count = count;
		}
	}
	return best;
}

void native_stack__fill(const struct resolver *resolver, const struct pending_span *span,
			const struct pending_stack *stack, struct stall *stall)
{
	const struct pending_native *n;

	/* Without a CPU it stood where the samples show it. */
	if (!stack->n_frames ||
	    (stack->cause != stall->cause && ls_cause_class(stall->cause) != LS_CLASS_RUNQUEUE))
		return;
	n = choose(resolver, stall->pid, span, stack);
	if (!n)
		return;
	stall->has_native_stack = true;
	stall->is_native_cut = n->flags & LS_NATIVE_CUT;
	for (size_t i = 0; i < n->n_ips && i < LS_MAX_NATIVE; i++)
		stall->native_stack[stall->n_native++].name = name_of(resolver, stall->pid, n, i);
}

/* Where the name of the module ends: before ":deflate" or "+0x1234". */
static size_t module_bytes(const char *name)
{
	const char *end = strchr(name, ':'), *plus;

	if (end)
		return (size_t)(end - name);
	end = name + strlen(name);
	for (plus = name; (plus = strstr(plus, "+0x")) != NULL; plus++)
		end = plus;
	return (size_t)(end - name);
}

const char *native_function(const struct model_native *frame)
{
	const char *colon = frame->name ? strchr(frame->name, ':') : NULL;

	return colon ? colon + 1 : NULL;
}

bool native_module(const struct model_native *frame, char module[NATIVE_MODULE_BYTES])
{
	static const char *const endings[] = { ".cpython-", ".abi3." };
	char *end;

	module[0] = '\0';
	if (!frame->name)
		return false;
	snprintf(module, NATIVE_MODULE_BYTES, "%.*s", (int)module_bytes(frame->name), frame->name);
	for (size_t i = 0; i < N_OF(endings); i++)
		if ((end = strstr(module, endings[i])) != NULL)
			*end = '\0';
	return module[0];
}

void native_label(const struct model_native *frame, char label[NATIVE_MODULE_BYTES + 2])
{
	const char *function = native_function(frame);
	char module[NATIVE_MODULE_BYTES];

	if (function)
		snprintf(label, NATIVE_MODULE_BYTES + 2, "%s", function);
	else if (native_module(frame, module))
		snprintf(label, NATIVE_MODULE_BYTES + 2, "(%s)", module);
	else
		snprintf(label, NATIVE_MODULE_BYTES + 2, "(native code)");
}
