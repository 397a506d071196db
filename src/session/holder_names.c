/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Names of the threads that held the interpreter's lock. A name is remembered for a moment: a
 * thread that holds it often appears in many stalls, and one that has ended since has no name any
 * more.
 */
#include "session/parts.h"

#include <string.h>

#include "process/target.h"

#define KEEP_NS NS_PER_S

static struct holder_name *entry_of(struct holder_names *names, const struct ls_rec_stall *stall)
{
	struct holder_name *oldest = &names->list[0];

	for (size_t i = 0; i < MAX_HOLDER_NAMES; i++) {
		struct holder_name *n = &names->list[i];

		if (n->pid == stall->hdr.tgid && n->tstate == stall->gil_holder_tstate &&
		    n->id == stall->gil_holder_id)
			return n;
		if (n->read_ns < oldest->read_ns)
			oldest = n;
	}
	*oldest = (struct holder_name){ .pid = stall->hdr.tgid,
					.tstate = stall->gil_holder_tstate,
					.id = stall->gil_holder_id };
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

void session__name_holder(struct session *s, struct ls_rec_stall *stall)
{
	const struct watch *w = watches__find(&s->watches, (pid_t)stall->hdr.tgid);
	const uint64_t now_ns = stall->hdr.ts_ns;
	struct holder_name *n;

	if (!stall->cause_ns[LS_CAUSE_GIL] || !stall->gil_holder_tstate)
		return;
	n = entry_of(&s->holder_names, stall);
	if (w && w->target && (!n->read_ns || now_ns - n->read_ns >= KEEP_NS))
		read_name(w, n, now_ns);
	memcpy(stall->gil_holder_name, n->name, sizeof(stall->gil_holder_name));
}
