/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * See registry.h. A counter is the sum of readings that still change and of those that are final.
 * Both come in passes; what is shown never falls behind what was shown before.
 */
#include "serve/registry.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "base/cleanup.h"
#include "base/escape.h"
#include "base/table.h"
#include "base/time.h"
#include "model/vocabulary.h"
#include "report/format.h"

/* Series about the program itself: build, losses, cost, HTTP. */
#define OWN_SERIES 200
/* Series of a service without its causes, pauses and rows, but with its "other". */
#define SERVICE_SERIES                                                                             \
	(3 * (TALLY_N_BUCKETS + 2) + 24 + REGISTRY_UNITS + TOP_LIST_MAX * TOP_VALUES +             \
	 4 * POOL_KIND_MAX)
#define PAUSE_SERIES (TALLY_N_BUCKETS + 2)
/* Thresholds at which a row gets series of its own. */
#define ADMIT_STALLS 3
#define ADMIT_PART 100 /* of the time that the service was watched */
#define ADMIT_AFTER_NS (10 * NS_PER_S)

#define OTHER "other"

struct process_entry {
	pid_t key;
	struct identity identity;
	struct service *service; /* NULL until something of it is counted */
	bool is_read; /* in the last pass */
	UT_hash_handle hh;
};

static bool registry__reserve(struct registry *r, size_t n)
{
	if (r->n_series + n > r->max_series)
		return false;
	r->n_series += n;
	return true;
}

/* NULL without memory. The causes that take what finds no room are always there. */
static struct service *service_new(struct registry *r, const struct identity *identity)
{
	struct service *s = calloc(1, sizeof(*s));
	struct service **last = &r->services;

	if (!s)
		return NULL;
	s->identity = *identity;
	for (size_t unit = 0; unit < REGISTRY_UNITS; unit++)
		s->has_series[unit][LS_CAUSE_OTHER] = true;
	while (*last)
		last = &(*last)->next;
	*last = s;
	return s;
}

int registry__new(struct registry **ret_registry, size_t max_series)
{
	static const struct identity other = { .service = OTHER };
	_cleanup_(registry__freep) struct registry *r = calloc(1, sizeof(*r));

	if (!r)
		return -ENOMEM;
	r->n_series = OWN_SERIES + SERVICE_SERIES;
	r->max_series = max_series ? max_series : REGISTRY_DEFAULT_SERIES;
	if (r->max_series < r->n_series)
		r->max_series = r->n_series;
	if (!service_new(r, &other))
		return -ENOMEM;
	*ret_registry = TAKE_PTR(r);
	return 0;
}

static void service_free(struct service *s)
{
	for (size_t i = 0; i < TOP_LIST_MAX; i++)
		top_list__done(&s->tops[i]);
	free(s);
}

void registry__free(struct registry *r)
{
	struct service *next;

	if (!r)
		return;
	table__free(r->processes, free);
	for (struct service *s = r->services; s; s = next) {
		next = s->next;
		service_free(s);
	}
	free(r);
}

/* The service of that identity: known, new, or "other" if there is no room. 0 or -ENOMEM. */
static int service_of(struct registry *r, const struct identity *identity,
		      struct service **ret_service)
{
	struct service *s;

	for (s = r->services; s; s = s->next)
		if (!strcmp(s->identity.service, identity->service) &&
		    !strcmp(s->identity.container_id, identity->container_id) &&
		    !strcmp(s->identity.pod_uid, identity->pod_uid))
			break;
	if (!s && !registry__reserve(r, SERVICE_SERIES)) {
		r->refused_services++;
		s = r->services;
	}
	*ret_service = s ? s : service_new(r, identity);
	return *ret_service ? 0 : -ENOMEM;
}

static struct process_entry *entry_of(const struct registry *r, pid_t pid)
{
	struct process_entry *p;

	table__find(r->processes, &pid, p);
	return p;
}

int registry__add_process(struct registry *r, pid_t pid, const struct identity *identity)
{
	struct process_entry *p = entry_of(r, pid);
	int code;

	if (p) {
		if (!p->service)
			p->identity = *identity;
		return 0;
	}
	p = calloc(1, sizeof(*p));
	if (!p)
		return -ENOMEM;
	*p = (struct process_entry){ .key = pid, .identity = *identity };
	code = table__add(r->processes, p);
	if (code < 0)
		free(p);
	return code;
}

void registry__forget_ended(struct registry *r, bool (*is_alive)(void *ctx, pid_t pid), void *ctx)
{
	struct process_entry *p, *next;

	HASH_ITER (hh, r->processes, p, next) {
		if (p->is_read || is_alive(ctx, p->key))
			continue;
		HASH_DEL(r->processes, p);
		free(p);
	}
}

const struct service *registry__service(const struct registry *r, pid_t pid)
{
	const struct process_entry *p = entry_of(r, pid);

	return p && p->service ? p->service : r->services;
}

/* The service to count something for. 0 or -ENOMEM. */
static int service_counted(struct registry *r, uint32_t pid, struct service **ret_service)
{
	struct process_entry *p = entry_of(r, (pid_t)pid);
	int code = 0;

	*ret_service = r->services;
	if (!p)
		return 0;
	p->is_read = true;
	if (!p->service)
		code = service_of(r, &p->identity, &p->service);
	if (code >= 0)
		*ret_service = p->service;
	return code;
}

void registry__begin_pass(struct registry *r, bool is_folding)
{
	r->is_folding = is_folding;
	for (struct process_entry *p = r->processes; p; p = p->hh.next)
		p->is_read = false;
	for (struct service *s = r->services; s; s = s->next) {
		s->live = (struct tally){};
		s->now = (struct service_now){};
		top_list__begin_pass(&s->tops[TOP_LIST_COROUTINE]);
	}
}

int registry__add_thread(struct registry *r, const struct thread_sum *sum)
{
	const struct model_loop_info *info = sum->info;
	struct service *s;
	int code;

	/* A thread without a reading yet has a description alone. */
	if (!sum->stats->at_ns)
		return 0;
	code = service_counted(r, sum->pid, &s);
	if (code < 0)
		return code;
	tally__add_thread(sum->is_last && r->is_folding ? &s->ended : &s->live, sum->stats);
	if (sum->is_last)
		return 0;
	s->now.tasks_ready += info->tasks_ready;
	s->now.executor_threads += info->executor_threads;
	s->now.executor_max += info->executor_max;
	s->now.executor_queued += info->executor_queued;
	return 0;
}

#define PLACE_BYTES 512

/* "app/db.py:31" */
static const char *place_of(const char *file, uint32_t line, char buf[PLACE_BYTES])
{
	if (!file)
		return "";
	snprintf(buf, PLACE_BYTES, "%s:%u", format__path_tail(file, 2), line);
	return buf;
}

int registry__add_coroutine(struct registry *r, const struct coroutine_sum *sum)
{
	const struct ls_coro_stats *stats = sum->stats;
	const bool is_last = sum->is_last && r->is_folding;
	const struct code_info *info = sum->coroutine;
	char place[PLACE_BYTES];
	const struct top_key key = { { info->name ? info->name : "?",
				       place_of(info->file, info->first_line, place) } };
	const uint64_t values[TOP_VALUES] = { stats->steps, stats->total_ns, stats->stalls };
	struct top_row *row;
	struct service *s;
	int code = service_counted(r, sum->pid, &s);

	if (code < 0)
		return code;
	tally__add_coroutine(is_last ? &s->ended : &s->live, stats);
	code = top_list__get(&s->tops[TOP_LIST_COROUTINE], &key, &row);
	if (code >= 0 && row)
		top_row__pass(row, values, is_last);
	return code;
}

static void try_to_admit(struct registry *r, struct service *s, enum top_list_id id,
			 struct top_row *row, uint64_t stalls, uint64_t ns)
{
	struct top_list *list = &s->tops[id];
	const uint64_t watched_ns = tally__watched_ns(&s->shown);

	if (row->is_admitted || !top_list__has_room(list))
		return;
	if (stalls < ADMIT_STALLS && (watched_ns < ADMIT_AFTER_NS || ns < watched_ns / ADMIT_PART))
		return;
	if (registry__reserve(r, TOP_VALUES))
		top_list__admit(list, row);
	else
		r->refused_tops[id]++;
}

static void end_pass_of(struct registry *r, struct service *s)
{
	struct tally all = s->live;
	struct top_list *list = &s->tops[TOP_LIST_COROUTINE];
	uint64_t without;

	/*
	 * A stall is counted at its end, and its record arrives before the next pass. A stall whose
	 * record is missing then was only counted.
	 */
	without = s->stalls_read > s->records ? s->stalls_read - s->records : 0;
	if (without > s->stalls_without_record)
		s->stalls_without_record = without;
	tally__add(&all, &s->ended);
	tally__raise(&s->shown, &all);
	if (r->is_folding)
		s->stalls_read = s->shown.v[TALLY_STALLS];
	for (struct top_row *row = list->rows; row; row = row->hh.next)
		try_to_admit(r, s, TOP_LIST_COROUTINE, row, row->pass[2] + row->ended[2],
			     row->pass[1] + row->ended[1]);
	for (size_t i = 0; i < TOP_LIST_MAX; i++)
		top_list__end_pass(&s->tops[i]);
}

void registry__end_pass(struct registry *r)
{
	for (struct service *s = r->services; s; s = s->next)
		end_pass_of(r, s);
}

int registry__describe_process(struct registry *r, pid_t pid, const struct process_now *now)
{
	struct service *s;
	int code = service_counted(r, (uint32_t)pid, &s);

	if (code < 0)
		return code;
	*(now->is_light ? &s->now.processes_light : &s->now.processes_exact) += 1;
	s->now.loops += now->loops;
	s->now.tasks += now->tasks;
	return 0;
}

void registry__set_running(struct registry *r, const struct stall *stall)
{
	struct process_entry *p = entry_of(r, (pid_t)stall->pid);
	struct service_now *now = p && p->service ? &p->service->now : &r->services->now;

	if (now->stall_running_ns < stall->duration_ns)
		now->stall_running_ns = stall->duration_ns;
}

void registry__add_pool(struct registry *r, const struct pool_row *pool)
{
	struct process_entry *p = entry_of(r, (pid_t)pool->pid);
	struct service *s = p && p->service ? p->service : r->services;
	struct pools_now *now = &s->now.pools[pool->kind];

	if (pool->is_default)
		return;
	s->has_pools[pool->kind] = true;
	now->size += pool->size;
	now->busy += pool->busy;
	now->waiting += pool->waiting;
	now->full += pool->full_since_ns != 0;
}

/* Decides whether a cell gets series of its own or is counted as "other". */
static enum ls_cause cell_of(struct registry *r, struct service *s, size_t row, enum ls_cause cause)
{
	if (s->has_series[row][cause])
		return cause;
	if (!registry__reserve(r, 1)) {
		r->refused_causes++;
		return LS_CAUSE_OTHER;
	}
	s->has_series[row][cause] = true;
	return cause;
}

static void add_causes(struct registry *r, struct service *s, const struct stall *stall)
{
	for (int i = 0; i < LS_CAUSE_MAX; i++)
		if (stall->cause_ns[i])
			s->stall_ns[cell_of(r, s, LS_UNIT_NONE, i)] += stall->cause_ns[i];
	s->stalls[stall->unit][cell_of(r, s, stall->unit, stall->cause)]++;
}

static void add_pause(struct registry *r, struct service *s, const struct stall *stall)
{
	const uint64_t ns = stall->cause_ns[LS_CAUSE_GC];
	struct pause_hist *h;

	if (!ns || !stall->gc_generation || stall->gc_generation > REGISTRY_GENERATIONS)
		return;
	h = &s->pauses[stall->gc_generation - 1];
	if (!h->is_shown && !registry__reserve(r, PAUSE_SERIES)) {
		r->refused_causes++;
		return;
	}
	h->is_shown = true;
	h->sum_ns += ns;
	h->buckets[tally_bucket_of(ns)]++;
}

static int add_to_top(struct registry *r, struct service *s, enum top_list_id id,
		      const struct top_key *key, const struct stall *stall)
{
	const uint64_t values[TOP_VALUES] = { 1, stall->duration_ns, stall->starved_ns };
	struct top_list *list = &s->tops[id];
	struct top_row *row = NULL;
	int code = key ? top_list__get(list, key, &row) : 0;

	if (code < 0)
		return code;
	if (row)
		try_to_admit(r, s, id, row, row->seen[0] + 1, row->seen[1] + stall->duration_ns);
	top_list__add(list, row, values);
	return 0;
}

static const struct model_frame *frame_of(const struct stall *stall)
{
	if (stall->own.function)
		return &stall->own;
	return stall->call.function ? &stall->call : NULL;
}

static int add_places(struct registry *r, struct service *s, const struct stall *stall)
{
	const struct model_frame *entry = stall->entry.function ? &stall->entry : NULL,
				 *site = frame_of(stall);
	char entry_place[PLACE_BYTES], site_place[PLACE_BYTES];
	const struct top_key
		entry_key = { { entry ? entry->function : NULL,
				entry ? place_of(entry->file, entry->line, entry_place) : NULL } },
		site_key = { { site ? place_of(site->file, site->line, site_place) : NULL,
			       site ? site->function : NULL, vocabulary_cause(stall->cause) } };
	int code = add_to_top(r, s, TOP_LIST_ENTRY, entry ? &entry_key : NULL, stall);

	return code < 0 ? code : add_to_top(r, s, TOP_LIST_SITE, site ? &site_key : NULL, stall);
}

static void keep_exemplar(const struct registry *r, struct service *s, const struct stall *stall)
{
	struct exemplar *e = &s->exemplars[tally_bucket_of(stall->duration_ns)];
	const struct model_frame *site = frame_of(stall);
	char place[PLACE_BYTES];

	*e = (struct exemplar){
		.duration_ns = stall->duration_ns,
		.end_unix_ns = stall->start_ns + stall->duration_ns + r->clock_offset_ns,
		.cause = stall->cause,
	};
	stall__trace_text(stall, &e->trace);
	text__escape(stall->task_name, e->task, sizeof(e->task));
	text__escape(site ? place_of(site->file, site->line, place) : "", e->line, sizeof(e->line));
}

/* A step that no reading holds: see model_book_unseen() of the model. */
static void add_unread_step(struct service *s, const struct stall *stall)
{
	struct tally unread = {};

	if (stall->end == LS_END_RETURN && !stall->began_before)
		return;
	unread.v[TALLY_STEP_SUM_NS] = stall->duration_ns;
	unread.v[TALLY_STARVED_NS] = stall->starved_ns;
	unread.v[TALLY_STEP_HIST + tally_bucket_of(stall->duration_ns)] = 1;
	tally__add(&s->ended, &unread);
}

int registry__add_stall(struct registry *r, const struct stall *stall)
{
	struct service *s;
	int code;

	if (stall->end == LS_END_OPEN || stall->unit >= REGISTRY_UNITS ||
	    stall->cause >= LS_CAUSE_MAX)
		return 0;
	code = service_counted(r, stall->pid, &s);
	if (code < 0)
		return code;
	s->records++;
	add_causes(r, s, stall);
	add_pause(r, s, stall);
	if (stall->unit == LS_UNIT_STEP) {
		keep_exemplar(r, s, stall);
		add_unread_step(s, stall);
	}
	return add_places(r, s, stall);
}

void registry__set_loss(struct registry *r, const char *name, uint64_t count)
{
	size_t i = 0;

	while (i < r->n_losses && strcmp(r->losses[i].name, name))
		i++;
	if (i == REGISTRY_MAX_LOSSES)
		return;
	if (i == r->n_losses)
		r->losses[r->n_losses++] = (struct registry_loss){ .name = name };
	if (r->losses[i].count < count)
		r->losses[i].count = count;
}
