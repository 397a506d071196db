/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the records of stalls lack, and this side knows: the library of the loop, and the names of
 * the threads that held the interpreter's lock, or another lock. A name is remembered for a moment:
 * a thread that holds it often appears in many stalls, and one that has ended since has no name any
 * more.
 */
#include "session/parts.h"

#include <string.h>

#include "process/procfs.h"
#include "process/target.h"

#define KEEP_NS NS_PER_S

static struct holder_name *entry_of(struct holder_names *names, const struct holder_name *wanted)
{
	struct holder_name *oldest = &names->list[0];

	for (size_t i = 0; i < MAX_HOLDER_NAMES; i++) {
		struct holder_name *n = &names->list[i];

		if (n->pid == wanted->pid && n->tid == wanted->tid && n->tstate == wanted->tstate &&
		    n->id == wanted->id)
			return n;
		if (n->read_ns < oldest->read_ns)
			oldest = n;
	}
	*oldest = *wanted;
	return oldest;
}

/* Keeps the name of a thread that has ended. */
static void read_name(const struct watch *w, struct holder_name *n, uint64_t now_ns)
{
	char name[LS_NAME_BYTES] = "";

	n->read_ns = now_ns;
	if (target__thread_name(w->target, n->tstate, n->id, name, sizeof(name)) >= 0)
		memcpy(n->name, name, sizeof(n->name));
}

/* The addresses by which a runtime knows a thread may be those of the next one. */
static uint32_t tid_of(const struct session *s, uint32_t pid, uint64_t tstate, uint64_t id)
{
	const struct resolver resolver = s->env->symbol->resolver(s->symbols);

	return id > INT32_MAX ? resolver.ops->thread(resolver.ctx, pid, tstate, id) : 0;
}

static void add_name(struct session *s, uint32_t pid, uint64_t tstate, uint64_t id, uint64_t now_ns,
		     char name[LS_NAME_BYTES])
{
	const struct holder_name wanted = {
		.pid = pid, .tid = tid_of(s, pid, tstate, id), .tstate = tstate, .id = id
	};
	const struct watch *w = watches__find(&s->watches, (pid_t)pid);
	struct holder_name *n = entry_of(&s->intake.holder_names, &wanted);

	if (w && w->target && (!n->read_ns || now_ns - n->read_ns >= KEEP_NS))
		read_name(w, n, now_ns);
	memcpy(name, n->name, sizeof(n->name));
}

/* One that has ended since, or that other users cannot see, has none. */
static void name_process(pid_t pid, char name[LS_NAME_BYTES])
{
	memset(name, 0, LS_NAME_BYTES);
	proc_thread_comm(pid, pid, name, LS_NAME_BYTES);
}

static uint32_t library_of(const struct session *s, const struct ls_rec_stall *stall)
{
	const struct watch *w = watches__find(&s->watches, (pid_t)stall->hdr.tgid);

	for (size_t i = 0; w && i < watch__known_loops(w); i++) {
		const struct watch_loop *l = &w->loops[i];

		if (l->kind && l->tid == (pid_t)stall->hdr.tid &&
		    (l->loop == stall->loop || l->scheduler == stall->loop))
			return target_loop_kind_library(l->kind);
	}
	return LIBRARY_DEFAULT;
}

void session__complete_stall(struct session *s, struct ls_rec_stall *stall)
{
	const uint64_t now_ns = stall->hdr.ts_ns;

	stall->library = library_of(s, stall);
	if (stall->cause_ns[LS_CAUSE_GIL] && stall->gil_holder_tstate)
		add_name(s, stall->hdr.tgid, stall->gil_holder_tstate, stall->gil_holder_id, now_ns,
			 stall->gil_holder_name);
	if (stall->cause_ns[LS_CAUSE_LOCK] && stall->lock_known == LS_LOCK_PROCESS)
		name_process((pid_t)stall->lock_holder_id, stall->lock_holder_name);
	else if (stall->cause_ns[LS_CAUSE_LOCK] && stall->lock_holder_id)
		add_name(s, stall->hdr.tgid, stall->lock_holder_tstate, stall->lock_holder_id,
			 now_ns, stall->lock_holder_name);
}
