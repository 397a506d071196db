/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A session's life: set-up, the turns of its loop, the reasons to stop, and the end of its sinks.
 */
#include "session/session.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "base/array.h"
#include "base/cleanup.h"
#include "base/escape.h"
#include "base/exit.h"
#include "base/interrupt.h"
#include "base/log.h"
#include "base/time.h"
#include "report/wording.h"
#include "session/parts.h"
#include "session/watchdog.h"

/* Records may wait in the ring without a wake-up: they are at most this late. */
#define DRAIN_PACE_NS (100 * NS_PER_MS)
/* The silence message comes within the first three seconds. */
#define SILENCE_NS (2500 * NS_PER_MS)
/* A command that is asked to end has this long before it is killed. */
#define GRACE_NS (5 * NS_PER_S)
/* If the session sleeps this long without reading a pending signal, it is stuck. */
#define PATIENCE_MS 150
/* A recording is written to a disk that may be slow. */
#define DISK_PATIENCE_MS 2000

uint64_t session__now_ns(const struct session *s)
{
	return s->env->machine->now_ns();
}

uint64_t session__own_cpu_ns(const struct session *s)
{
	return s->env->machine->own_cpu_ns();
}

struct loop *session__loop(struct session *s)
{
	return &s->loop;
}

struct model *session__model(const struct session *s)
{
	return s->feed.model;
}

int session__set_threshold(struct session *s, uint64_t threshold_ns)
{
	int r = s->env->kernel->set_threshold(s->probe, threshold_ns);

	if (r >= 0)
		s->opts.threshold_ns = threshold_ns;
	return r;
}

/* The next input returns the recorder's failure again. */
void session__reset(struct session *s)
{
	feed__reset(&s->feed);
	session__note(s, LOG_GRADE_INFO, 0, "counting begins anew");
}

int session__each_pid(const struct session *s, int (*fn)(void *ctx, pid_t pid), void *ctx)
{
	const struct watch *w;
	int r = -ENOENT;

	WATCHES_EACH(&s->watches, WATCH_ALL, w)
	{
		r = fn(ctx, w->pid);
		if (r != -ENOENT)
			break;
	}
	return r;
}

/* The stall that a process did not survive is often the only one that matters. */
static void note_death(struct session *s, const struct stall *stall)
{
	char raw[WORDING_DEATH_BYTES], text[WORDING_DEATH_BYTES];

	wording_death(stall, raw);
	if (!*raw)
		return;
	session__note(s, LOG_GRADE_WARNING, (pid_t)stall->pid, "%s", raw);
	text__escape(raw, text, sizeof(text));
	log_info("target %u %s", stall->pid, text);
}

static int on_stall(void *ctx, const struct stall *stall)
{
	struct session *s = ctx;
	int r = session__start_sinks(s);

	note_death(s, stall);
	return r < 0 ? r : SINKS_CALL(s, stall, stall);
}

/* Ends the session. A started command is asked to end first and gets GRACE_NS. */
static void stop(struct session *s, int signal)
{
	struct child *child = s->opts.child;

	if (s->life.is_stopping)
		log_warn("the command has not ended after it was asked to: it is killed");
	if (!child || child->is_reaped || s->life.is_stopping) {
		s->life.is_over = true;
		return;
	}
	s->life.is_stopping = true;
	s->life.stop.due_ns = session__now_ns(s) + GRACE_NS;
	if (signal)
		child__signal(child, signal);
}

void session__stop(struct session *s)
{
	stop(s, SIGTERM);
}

static int on_stop_due(void *ctx, uint64_t now_ns)
{
	struct session *s = ctx;

	(void)now_ns;
	stop(s, SIGTERM);
	return 0;
}

static int on_signal(void *ctx)
{
	struct session *s = ctx;
	struct signalfd_siginfo info;

	if (read(s->life.signals.fd, &info, sizeof(info)) != sizeof(info))
		return 0;
	/* A Ctrl-C has reached the command already: a second signal would break its clean-up. */
	interrupt_note();
	stop(s, info.ssi_code == SI_KERNEL ? 0 : (int)info.ssi_signo);
	return 0;
}

/* Whether a child has run steps although its parent has not. */
static bool have_workers_steps(const struct session *s)
{
	const struct watch *w;

	WATCHES_EACH(&s->watches, WATCH_ALL, w)
	if (w->parent && w->steps > 0)
		return true;
	return false;
}

/* Once. A process that nobody asked for gets no message. */
static int report_silence(void *ctx, uint64_t now_ns)
{
	struct session *s = ctx;
	const struct watch *w;

	(void)now_ns;
	s->life.silence.due_ns = TIMER_NEVER;
	if (have_workers_steps(s))
		return 0;
	WATCHES_EACH(&s->watches, WATCH_ALIVE, w)
	if (!w->is_unconfirmed && w->steps == 0)
		log_info("0 steps seen in %d so far because %s", w->pid, session__silence_of(s, w));
	return 0;
}

/* Before the interpreter is up, even its version may be half known. */
static bool are_targets_known(const struct session *s)
{
	const struct watch *w;

	WATCHES_EACH(&s->watches, WATCH_ALL, w)
	if (!w->is_unconfirmed && (!w->target || !w->target->is_up))
		return false;
	return true;
}

/* Whether probes may have to be put on a process that has none yet. */
static bool may_attach(const struct session *s)
{
	const struct watch *w;

	if (s->opts.is_following || s->opts.is_everything || s->mode.is_auto)
		return true;
	WATCHES_EACH(&s->watches, WATCH_ALIVE, w)
	if (!watch__is_complete(w))
		return true;
	return false;
}

static void drop_capabilities(struct session *s)
{
	const int wanted = may_attach(s) ? RIGHTS_ATTACH : RIGHTS_WATCH;
	char kept[256];

	if (!s->opts.drop_privileges || (int)s->life.rights >= wanted)
		return;
	s->life.rights = wanted;
	s->opts.drop_privileges(wanted == RIGHTS_ATTACH, !s->env->kernel->is_multi(s->probe), kept,
				sizeof(kept));
	session__note(s, LOG_GRADE_INFO, 0, "capabilities kept: %s", kept);
	log_debug("capabilities kept: %s", kept);
}

/* Called when more may be known of the targets. 0 or -errno. */
static int on_targets_changed(struct session *s)
{
	drop_capabilities(s);
	return are_targets_known(s) ? session__start_sinks(s) : 0;
}

/* When the next turn has something to drain or to examine. */
static uint64_t wake_due_ns(struct session *s, uint64_t now_ns)
{
	const uint64_t due_ns[] = { now_ns + DRAIN_PACE_NS, session__examination_due_ns(s, now_ns),
				    newborns__due_ns(&s->tree.newborns) };
	uint64_t first_ns = due_ns[0];

	for (size_t i = 1; i < N_OF(due_ns); i++)
		first_ns = due_ns[i] < first_ns ? due_ns[i] : first_ns;
	return first_ns;
}

/*
 * Examines before the sinks start and capabilities are dropped: children that were there before us
 * are attached to by the time the start line says that the measurement runs.
 */
static int turn(struct session *s)
{
	const uint64_t now_ns = session__now_ns(s);
	int r = session__drain(s);

	if (r >= 0) {
		session__take_newborns(s, now_ns);
		session__examine_due(s, now_ns);
		r = on_targets_changed(s);
	}
	if (r >= 0)
		r = loop__run_due(&s->loop, now_ns);
	s->life.wake.due_ns = wake_due_ns(s, now_ns);
	return r;
}

/* Until the session is over. 0 or -errno; -EPIPE when a sink's reader has gone. */
static int run_turns(struct session *s)
{
	int r = turn(s);

	session__bound_examinations(s);
	for (; r >= 0 && !s->life.is_over; r = r < 0 ? r : turn(s)) {
		r = loop__wait(&s->loop);
		watches__sweep(&s->watches);
	}
	return r;
}

static int open_signals(struct session *s)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	if (sigprocmask(SIG_BLOCK, &set, NULL) < 0)
		return -errno;
	s->life.signals = (struct loop_fd){ .fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK),
					    .fn = on_signal,
					    .ctx = s };
	if (s->life.signals.fd < 0)
		return -errno;
	/* Without the watchdog, a signal is not obeyed while a system call never returns. */
	s->life.has_watchdog = s->env == &live_env &&
		!watchdog_start(s->life.signals.fd,
				s->opts.record ? DISK_PATIENCE_MS : PATIENCE_MS);
	return 0;
}

static int make_model(struct session *s, struct err *err)
{
	struct resolver resolver;
	int r;

	r = s->env->symbol->new (&s->symbols);
	if (r < 0)
		return err__set(err, r, "cannot set up symbols: %s", strerror(-r));
	if (s->opts.reads_sources) {
		r = s->env->symbol->read_sources(s->symbols);
		if (r < 0)
			return err__set(err, r, "cannot set up symbols: %s", strerror(-r));
	}
	resolver = s->env->symbol->resolver(s->symbols);
	r = s->opts.record ? session__open_recording(s, &resolver, err) : 0;
	if (r < 0)
		return r;
	r = model__new(&s->feed.model, &resolver, on_stall, s);
	if (r < 0)
		return err__set(err, r, "cannot set up the model: %s", strerror(-r));
	model__set_own(s->feed.model, &s->opts.own);
	return 0;
}

int session__new(struct session **ret_session, const struct session_opts *opts, struct err *err)
{
	_cleanup_(session__freep) struct session *s = calloc(1, sizeof(*s));
	int r;

	if (!s)
		return err__set(err, -ENOMEM, "out of memory");
	s->opts = *opts;
	s->env = opts->env ? opts->env : &live_env;
	s->watches.process = s->env->process;
	s->life.signals.fd = -1;
	if (opts->mode == MEASURE_MODE_LIGHT && s->opts.threshold_ns < PROBE_LIGHT_SHORTEST_NS) {
		s->opts.threshold_ns = PROBE_LIGHT_SHORTEST_NS;
		log_info("light mode finds stalls of 5 ms and longer");
	}
	r = loop__init(&s->loop, s->env->machine);
	if (r < 0)
		return err__set(err, r, "cannot create an epoll instance: %s", strerror(-r));
	r = open_signals(s);
	if (r < 0)
		return err__set(err, r, "cannot take signals: %s", strerror(-r));
	r = make_model(s, err);
	if (r < 0)
		return r;
	*ret_session = TAKE_PTR(s);
	return 0;
}

void session__free(struct session *s)
{
	if (!s)
		return;
	recorder__free(s->feed.recorder);
	/*
	 * All is said and written. Probes take their time to go, and a further signal is no reason
	 * to call the measurement lost.
	 */
	if (s->life.has_watchdog)
		watchdog_stop();
	watches__done(&s->watches);
	loop_spans__done(&s->spans);
	free(s->bounds.ended);
	if (s->probe)
		s->env->kernel->free(s->probe);
	model__free(s->feed.model);
	if (s->symbols)
		s->env->symbol->free(s->symbols);
	fd_close(&s->life.signals.fd);
	loop__done(&s->loop);
	session__done_tasks(s);
	free(s);
}

/* -n NAME may match a process in the act of ending; one that can be attached to is enough. */
static int attach_all(struct session *s, struct err *err)
{
	size_t n_attached = 0;
	struct watch *w;
	int r = 0;

	WATCHES_EACH(&s->watches, WATCH_ALL, w)
	{
		if (!w->target)
			continue;
		r = session__attach(s, w, err);
		if (r == 0)
			n_attached++;
		else if (!s->opts.name)
			return r;
	}
	return n_attached > 0 ? 0 : r;
}

/* Releases the command once the kernel side reports what it forks and executes. */
static int release_command(struct session *s, struct err *err)
{
	const uint64_t now_ns = session__now_ns(s);
	int r = s->env->kernel->follow(s->probe, s->opts.child->pid);

	if (r < 0)
		return err__set(err, r, "cannot watch the command: %s", strerror(-r));
	r = child__release(s->opts.child, s->opts.command, err);
	if (r < 0)
		return r;
	/* These are the events of its start. */
	r = session__drain(s);
	watch__reset(watches__first(&s->watches), now_ns);
	session__examine_due(s, now_ns);
	return r;
}

static void discard_recording(void *ctx)
{
	const struct session *s = ctx;

	if (s->feed.recorder)
		recorder__discard(s->feed.recorder);
}

static int load_kernel_side(struct session *s, unsigned int stalls_per_s, struct err *err)
{
	const struct probe_opts opts = {
		.threshold_ns = s->opts.threshold_ns,
		.is_following = s->opts.is_following,
		.tells_execs = s->opts.is_everything || (s->opts.is_following && s->opts.name),
		.is_light = s->opts.mode == MEASURE_MODE_LIGHT,
	};
	const uint64_t before_ns = session__now_ns(s);
	int r;

	watchdog_begin_call(discard_recording, s);
	r = s->env->kernel->new (&s->probe, &opts, err);
	watchdog_end_call();
	if (r < 0)
		return r;
	if (interrupt_is_due())
		return err__set(err, -EINTR, "a signal came before anything was measured");
	session__init_bounds(s, stalls_per_s);
	log_debug("kernel side loaded in %.0f ms (%s)", (session__now_ns(s) - before_ns) / 1e6,
		  s->env->kernel->transport(s->probe));
	r = s->env->kernel->calibrate(s->probe);
	log_debug("the cost of a trap: %s after %.0f ms", r < 0 ? strerror(-r) : "known",
		  (session__now_ns(s) - before_ns) / 1e6);
	return 0;
}

/* Timers that are due at the same time go off in this order. */
static int init_parts(struct session *s, const struct sink *all)
{
	struct life *life = &s->life;
	int r;

	life->silence = (struct timer){ .due_ns = life->started_ns + SILENCE_NS,
					.fn = report_silence,
					.ctx = s };
	life->stop = (struct timer){ .due_ns = s->opts.duration_ns ?
					     life->started_ns + s->opts.duration_ns :
					     TIMER_NEVER,
				     .fn = on_stop_due,
				     .ctx = s };
	life->kernel = (struct loop_fd){ .fd = s->env->kernel->fd(s->probe) };
	loop__add_timer(&s->loop, &life->wake);
	session__init_mode(s, all->needs_every_step);
	session__init_discovery(s);
	session__init_everything(s);
	session__init_intake(s, !all->paces_reads);
	session__init_open_stalls(s);
	session__init_requests(s);
	r = SINKS_CALL(s, begin);
	loop__add_timer(&s->loop, &life->silence);
	loop__add_timer(&s->loop, &life->stop);
	if (r >= 0)
		r = loop__add_fd(&s->loop, &life->kernel, EPOLLIN);
	return r < 0 ? r : loop__add_fd(&s->loop, &life->signals, EPOLLIN);
}

static int begin(struct session *s, struct err *err)
{
	const uint64_t before_ns = session__now_ns(s);
	const struct sink all = session__sinks_needs(s);
	int r;

	r = load_kernel_side(s, all.stalls_per_s, err);
	if (r >= 0)
		r = s->opts.child ? release_command(s, err) : attach_all(s, err);
	if (r < 0)
		return r;
	if (s->opts.is_following && !s->opts.is_everything && session__follow_descendants(s) < 0)
		log_warn("the children that these processes have already are not followed: /proc "
			 "cannot be listed");
	s->life.started_ns = session__now_ns(s);
	s->life.started_machine = machine__read();
	s->life.started_cpu_ns = session__own_cpu_ns(s);
	log_debug("attached after %.0f ms", (s->life.started_ns - before_ns) / 1e6);
	if (!all.lists_stalls)
		model__keep_stalls(s->feed.model, 0);
	r = init_parts(s, &all);
	return r < 0 ? err__set(err, r, "cannot wait for events: %s", strerror(-r)) : 0;
}

static bool has_command_failed(const struct session *s)
{
	const struct child *child = s->opts.child;
	char how[64];

	if (!child || s->life.is_stopping || !child__has_failed(child))
		return false;
	child__describe(child, how, sizeof(how));
	log_error("the command '%s' failed: %s", s->opts.command, how);
	return true;
}

/*
 * The last readings come before the last records. The other way round, what is counted would have
 * stalls that ended in between, of which nothing has a record.
 */
static int end_measuring(struct session *s, bool is_reading)
{
	const uint64_t now_ns = session__now_ns(s);
	int r = session__drain(s);

	session__end_examinations(s, now_ns);
	if (r >= 0 && is_reading)
		r = session__read_last(s, now_ns);
	if (r >= 0)
		r = session__drain(s);
	if (r >= 0)
		r = session__end_open_stalls(s, now_ns);
	return r < 0 ? r : session__drain(s);
}

int session__run(struct session *s, struct err *err)
{
	const bool is_ending = session__has_ending_sinks(s);
	int r, verdict;

	r = begin(s, err);
	if (r < 0)
		return r;
	r = run_turns(s);
	if (r >= 0)
		r = end_measuring(s, is_ending || s->feed.recorder);
	if (r >= 0 && is_ending)
		r = session__end_sinks(s);
	if (r == -EPIPE)
		return EXIT_FINE; /* the reader has what it wanted */
	/* Full, or not to be written to: session__close_recording() returns it. */
	if (r < 0 && s->feed.recorder && r == recorder__error(s->feed.recorder))
		return EXIT_FINE;
	if (r == -EINTR) {
		log_error("nobody read the output when the measurement had to end: the rest of it "
			  "is lost");
		return EXIT_INCONCLUSIVE;
	}
	if (r < 0) {
		log_error("the measurement broke off: %s", strerror(-r));
		return EXIT_INCONCLUSIVE;
	}
	if (has_command_failed(s))
		return EXIT_COMMAND_FAILED;
	verdict = is_ending ? session__verdict(s) : EXIT_FINE;
	return verdict == EXIT_FINE && is_ending ? r : verdict;
}
