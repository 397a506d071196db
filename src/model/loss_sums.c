/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * See loss_sums.h.
 */
#include "model/loss_sums.h"

#include <string.h>

#include "base/time.h"
#include "model/rate.h"

/* A repaired switch is at most that far off in 997 of 1000 cases (docs/internals.md). */
#define REPAIR_NS (128 * NS_PER_US)

static const struct loss own_names[] = {
#define _(name, json, effect, sentence) { json, sentence, 0, false },
	MODEL_LOSSES(_)
#undef _
};

static const char *const kernel_names[] = {
#define _(name, json, ...) [LS_LOSS_##name] = json,
	LS_LOSSES(_)
#undef _
};

void loss_sums__set(struct loss_sums *l, const char *name, const char *sentence, uint64_t count)
{
	size_t i;

	for (i = 0; i < l->n && strcmp(l->named[i].loss.name, name); i++)
		;
	if (i == LOSS_SUMS_MAX) {
		l->own[MODEL_LOSS_LOSS_ROWS]++;
		return;
	}
	if (i == l->n)
		l->named[l->n++].base = 0;
	l->named[i].loss = (struct loss){ .name = name, .sentence = sentence, .count = count };
}

uint64_t loss_sums__kernel(const struct loss_sums *l, enum ls_loss loss)
{
	for (size_t i = 0; i < l->n; i++)
		if (!strcmp(l->named[i].loss.name, kernel_names[loss]))
			return rate_since(l->named[i].loss.count, l->named[i].base);
	return 0;
}

void loss_sums__reset(struct loss_sums *l)
{
	memset(l->own, 0, sizeof(l->own));
	for (size_t i = 0; i < l->n; i++)
		l->named[i].base = l->named[i].loss.count;
}

static bool is_slight(const struct snapshot *s, const struct loss *loss, uint64_t count)
{
	const uint64_t busy_ns = s->step_ns + s->callbacks_ns;

	return !strcmp(loss->name, kernel_names[LS_LOSS_RETURN_UNSEEN]) &&
		count < busy_ns / 100 / REPAIR_NS;
}

static void add_row(struct loss_sums *l, struct snapshot *s, const struct loss *loss,
		    uint64_t count)
{
	struct loss *shown = &l->shown[s->n_losses];

	if (!count)
		return;
	*shown = *loss;
	shown->count = count;
	shown->is_slight = is_slight(s, loss, count);
	s->n_losses++;
}

void loss_sums__rows(struct loss_sums *l, struct snapshot *ret_snapshot)
{
	for (size_t i = 0; i < l->n; i++)
		add_row(l, ret_snapshot, &l->named[i].loss,
			rate_since(l->named[i].loss.count, l->named[i].base));
	for (size_t i = 0; i < MODEL_LOSS_MAX; i++)
		add_row(l, ret_snapshot, &own_names[i], l->own[i]);
	ret_snapshot->losses = l->shown;
}
