/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Which processes the command line means, and the rights that are given up once they are attached to.
 */
#include "app/session_impl.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "app/privs.h"
#include "base/cleanup.h"
#include "base/log.h"
#include "target/target.h"

/* `python service.py & loopstall top -p $!`: the shell has forked, but what the process runs is still the shell. */
#define YOUNG_NS 1000000000ULL
#define YOUNG_PACE_NS 10000000

static bool is_young(pid_t pid, uint64_t now_ns, uint64_t asked_ns)
{
	uint64_t age_ns;

	return now_ns - asked_ns < YOUNG_NS && target__age_ns(pid, &age_ns) >= 0 && age_ns < YOUNG_NS;
}

static int add_pid(struct session *s, pid_t pid, struct err *err)
{
	const struct timespec pace = { .tv_nsec = YOUNG_PACE_NS };
	const uint64_t asked_ns = session_now_ns();
	int r;

	while ((r = session__add(s, pid, false, err)) == -ENOEXEC && is_young(pid, session_now_ns(), asked_ns))
		nanosleep(&pace, NULL);
	return r;
}

static int add_pids(struct session *s, struct err *err)
{
	const struct config *config = s->config;
	int r = 0;

	for (size_t i = 0; r >= 0 && i < config->n_pids; i++)
		r = add_pid(s, config->pids[i], err);
	return r;
}

/*
 * A name also matches what is no Python (a shell that started it, an editor): one that fits is
 * enough.
 */
static int add_by_name(struct session *s, const char *name, struct err *err)
{
	_cleanup_free_ pid_t *pids = NULL;
	size_t n = 0, n_added = 0;
	int r;

	r = target__find_by_name(name, &pids, &n);
	if (r < 0)
		return err__set(err, r, "cannot list processes: %s", strerror(-r));
	if (n == 0)
		return err__set(err, -ESRCH, "no process has '%s' in its command line", name);
	for (size_t i = 0; i < n; i++) {
		r = session__add(s, pids[i], false, err);
		if (r == -E2BIG)
			return r;
		if (r < 0)
			log_debug("%d is left out: %s", pids[i], err->what);
		else
			n_added++;
	}
	return n_added > 0 ? 0 : r;
}

/* Whether probes may have to be put on a process that has none yet. */
static bool may_attach(const struct session *s)
{
	if (!s->config->is_not_following || s->is_auto)
		return true;
	for (size_t i = 0; i < s->n_watches; i++)
		if (!s->watches[i]->is_gone && !watch__is_complete(s->watches[i]))
			return true;
	return false;
}

void session__settle(struct session *s)
{
	const enum session_rights wanted =
		may_attach(s) ? SESSION_RIGHTS_ATTACH : SESSION_RIGHTS_WATCH;
	char kept[256];

	if (s->rights >= wanted)
		return;
	s->rights = wanted;
	privs_settle(wanted == SESSION_RIGHTS_ATTACH, !probe__is_multi(s->probe), kept, sizeof(kept));
	session__note(s, LOG_GRADE_INFO, 0, "capabilities kept: %s", kept);
	log_debug("capabilities kept: %s", kept);
}

int session__add_targets(struct session *s, struct err *err)
{
	if (s->child)
		return session__add(s, s->child->pid, true, err);
	if (s->config->name)
		return add_by_name(s, s->config->name, err);
	return add_pids(s, err);
}
