/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A session's life: set-up, the epoll loop, the reasons to stop, start line, summary and exit code.
 */
#include "app/session.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "app/exit.h"
#include "app/privs.h"
#include "app/session_impl.h"
#include "base/cleanup.h"
#include "base/log.h"
#include "base/time.h"

#define SECOND_NS 1000000000ULL
/* Records may wait in the ring without a wake-up; this is how late one is told at most. */
#define TICK_NS 100000000ULL
/* The silence notice comes within the first three seconds. */
#define SILENCE_NS 2500000000ULL
/* Aggregates are read often at first, so that the rows of a short-lived process have names. */
#define MIN_READ_PACE_NS 50000000ULL
/* A command that is asked to end has this long before it is killed. */
#define GRACE_NS (5 * SECOND_NS)
#define MAX_TABLE_ROWS 30

/* What an epoll event is about; anything else is a watched process (struct watch *). */
enum tag { TAG_PROBE, TAG_SIGNAL, TAG_STDOUT, TAG_INPUT };

uint64_t session_now_ns(void)
{
	return time_now_ns(CLOCK_MONOTONIC);
}

static int poll_for(const struct session *s, int fd, uint32_t events, uint64_t tag)
{
	struct epoll_event event = { .events = events, .data.u64 = tag };

	return epoll_ctl(s->epoll_fd, EPOLL_CTL_ADD, fd, &event) < 0 ? -errno : 0;
}

/* The results go to stdout, the start line of the text form does not. */
static int write_start(struct session *s)
{
	_cleanup_(report__freep) struct report *head = NULL;
	int r;

	if (s->has_start || s->front || s->judge)
		return 0;
	s->has_start = true;
	if (s->config->is_json)
		return session__write_start(s, s->report);
	if (s->config->is_quiet)
		return 0;
	r = report__new(&head, report__by_name("text"), stderr, &s->report_opts);
	return r < 0 ? r : session__write_start(s, head);
}

static int on_stall(void *ctx, const struct stall *stall)
{
	struct session *s = ctx;
	int r;

	/* The model keeps them for whoever shows it. */
	if (s->front)
		return 0;
	if (s->judge)
		return s->judge->on_stall(s->judge->ctx, stall);
	r = write_start(s);
	if (r < 0)
		return r;
	return report__stall(s->report, stall);
}

static int make_report(struct session *s)
{
	const bool is_terminal = isatty(STDOUT_FILENO);
	struct winsize size = {};

	if (is_terminal)
		ioctl(STDOUT_FILENO, TIOCGWINSZ, &size);
	s->report_opts = (struct report_opts){
		.mode = cli_mode_word(s->config->mode),
		.color = is_terminal && !getenv("NO_COLOR"),
		.width = size.ws_col,
		.max_rows = MAX_TABLE_ROWS,
	};
	return report__new(&s->report, report__by_name(s->config->is_json ? "json" : "text"), stdout,
			   &s->report_opts);
}

static int open_signals(struct session *s)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	if (sigprocmask(SIG_BLOCK, &set, NULL) < 0)
		return -errno;
	s->signal_fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	return s->signal_fd < 0 ? -errno : 0;
}

int session__new(struct session **ret_session, const struct config *config, struct child *child,
		 const struct recorder_opts *record, struct err *err)
{
	_cleanup_(session__freep) struct session *s = calloc(1, sizeof(*s));
	struct resolver resolver;
	int r;

	if (!s)
		return err__set(err, -ENOMEM, "out of memory");
	privs_raise();
	s->config = config;
	s->threshold_ns = config->threshold_ns;
	if (config->mode == CLI_MODE_LIGHT && s->threshold_ns < PROBE_LIGHT_SHORTEST_NS) {
		s->threshold_ns = PROBE_LIGHT_SHORTEST_NS;
		log_info("light mode finds stalls of 5 ms and longer");
	}
	s->child = child;
	s->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	s->signal_fd = -1;
	if (s->epoll_fd < 0)
		return err__set(err, -errno, "cannot create an epoll instance: %s", strerror(errno));
	r = open_signals(s);
	if (r < 0)
		return err__set(err, r, "cannot take signals: %s", strerror(-r));
	r = symbols__new(&s->symbols);
	if (r < 0)
		return err__set(err, r, "cannot set up symbols: %s", strerror(-r));
	resolver = symbols__resolver(s->symbols);
	r = record ? session__open_recording(s, record, &resolver, err) : 0;
	if (r < 0)
		return r;
	r = model__new(&s->model, &resolver, on_stall, s);
	if (r < 0)
		return err__set(err, r, "cannot set up the model: %s", strerror(-r));
	s->feed.model = s->model;
	r = make_report(s);
	if (r < 0)
		return err__set(err, r, "cannot set up the report: %s", strerror(-r));
	*ret_session = TAKE_PTR(s);
	return 0;
}

void session__free(struct session *s)
{
	if (!s)
		return;
	session__free_tree(s);
	free(s->ended);
	report__free(s->report);
	probe__free(s->probe);
	model__free(s->model);
	recorder__free(s->feed.recorder);
	symbols__free(s->symbols);
	fd_close(&s->signal_fd);
	fd_close(&s->epoll_fd);
	free(s);
}

int session__add(struct session *s, pid_t pid, bool may_wait, struct err *err)
{
	struct watch *w;
	int r = session__watch(s, pid, 0, &w, err);

	if (r < 0)
		return r;
	r = session__examine(s, w, session_now_ns(), err);
	session__let_go(w);
	if (r >= 0 || (may_wait && r == -ENOEXEC))
		return 0;
	session__drop(s, w);
	session__sweep(s);
	return r;
}

/* -n NAME may match a process in the act of ending; one that can be attached to is enough. */
static int attach_all(struct session *s, struct err *err)
{
	size_t n_attached = 0;
	int r = 0;

	for (size_t i = 0; i < s->n_watches; i++) {
		struct watch *w = s->watches[i];

		if (!w->target)
			continue;
		r = session__attach(s, w, err);
		if (r == 0)
			n_attached++;
		else if (!s->config->name)
			return r;
	}
	return n_attached > 0 ? 0 : r;
}

static int follow_all(struct session *s)
{
	const size_t n_roots = s->n_watches;
	int r = 0;

	for (size_t i = 0; r >= 0 && i < n_roots; i++)
		r = session__follow_tree(s, s->watches[i]);
	return r;
}

/* The command is let go once the kernel side would notice what it forks and executes. */
static int release_command(struct session *s, struct err *err)
{
	int r = probe__follow(s->probe, s->child->pid);

	if (r < 0)
		return err__set(err, r, "cannot watch the command: %s", strerror(-r));
	r = child__release(s->child, s->config->command[0], err);
	if (r < 0)
		return r;
	/* What is told of its start is no news. */
	r = session__drain(s);
	watch__reset(s->watches[0], session_now_ns());
	session__examine_due(s, session_now_ns());
	return r;
}

static int begin(struct session *s, struct err *err)
{
	const bool is_following = !s->config->is_not_following;
	const struct probe_opts opts = {
		.threshold_ns = s->threshold_ns,
		.is_following = is_following,
		.tells_execs = is_following && s->config->name,
		.is_light = s->config->mode == CLI_MODE_LIGHT,
	};
	const uint64_t before_ns = session_now_ns();
	int r;

	r = probe__new(&s->probe, &opts, err);
	if (r < 0)
		return r;
	session__open_bounds(s);
	log_debug("kernel side loaded in %.0f ms (%s)", (session_now_ns() - before_ns) / 1e6,
		  probe__transport(s->probe));
	r = probe_cost__calibrate(s->probe);
	log_debug("what a trap costs %s after %.0f ms", r < 0 ? strerror(-r) : "is known",
		  (session_now_ns() - before_ns) / 1e6);
	r = s->child ? release_command(s, err) : attach_all(s, err);
	if (r < 0)
		return r;
	if (is_following && follow_all(s) < 0)
		log_warn("the children that these processes have already are not followed: /proc cannot be listed");
	s->started_ns = session_now_ns();
	s->started_machine = machine__read();
	s->started_cpu_ns = session_own_cpu_ns();
	s->switched_ns = s->started_ns;
	session__begin_auto(s);
	s->told_ns = s->started_ns;
	log_debug("attached after %.0f ms", (s->started_ns - before_ns) / 1e6);
	/* A report takes each stall as it ends. */
	if (!s->front)
		model__keep_stalls(s->model, 0);
	s->stop_due_ns = s->config->duration_ns ? s->started_ns + s->config->duration_ns : UINT64_MAX;
	s->read_due_ns = s->started_ns;
	r = poll_for(s, probe__fd(s->probe), EPOLLIN, TAG_PROBE);
	if (r == 0)
		r = poll_for(s, s->signal_fd, EPOLLIN, TAG_SIGNAL);
	if (r == 0 && s->front && s->front->input_fd >= 0)
		r = poll_for(s, s->front->input_fd, EPOLLIN, TAG_INPUT);
	if (r < 0)
		return err__set(err, r, "cannot wait for events: %s", strerror(-r));
	/*
	 * Tells when the reader of a pipe has gone. A file cannot be polled and need not be. A recording does
	 * not write there, and a verdict is wanted all the same: it is the exit code.
	 */
	if (!s->feed.recorder && !s->judge)
		poll_for(s, STDOUT_FILENO, 0, TAG_STDOUT);
	return 0;
}

/* Ends the session; a started command ends first, and has time to. */
static void stop(struct session *s, int signal)
{
	if (s->is_stopping)
		log_warn("the command has not ended after it was asked to: it is killed");
	if (!s->child || s->child->is_reaped || s->is_stopping) {
		s->is_over = true;
		return;
	}
	s->is_stopping = true;
	s->stop_due_ns = session_now_ns() + GRACE_NS;
	if (signal)
		child__signal(s->child, signal);
}

void session__stop(struct session *s)
{
	stop(s, SIGTERM);
}

void session__set_judge(struct session *s, const struct session_judge *judge)
{
	s->judge = judge;
}

void session__set_front(struct session *s, const struct session_front *front)
{
	s->front = front;
}

static void on_signal(struct session *s)
{
	struct signalfd_siginfo info;

	if (read(s->signal_fd, &info, sizeof(info)) != sizeof(info))
		return;
	/*
	 * A Ctrl-C on the terminal has reached the command already: a second one would break its
	 * clean-up.
	 */
	stop(s, info.ssi_code == SI_KERNEL ? 0 : (int)info.ssi_signo);
}

/* A child that is no Python keeps nobody waiting. */
static bool is_any_left(const struct session *s)
{
	for (size_t i = 0; i < s->n_watches; i++)
		if (!s->watches[i]->is_gone && (!s->watches[i]->is_on_trial || s->watches[i]->target))
			return true;
	return false;
}

static int on_target_exit(struct session *s, struct watch *w)
{
	const bool is_command = s->child && s->child->pid == w->pid;
	int r = session__drain(s);

	if (w->is_dropped)
		return r;
	if (r >= 0 && watch__is_shown(w))
		r = session__read(s, session_now_ns());
	w->is_gone = true;
	session__on_process_end(s, w);
	probe__detach(s->probe, w->pid);
	if (is_command)
		child__reap(s->child);
	if (!watch__is_shown(w)) {
		session__drop(s, w);
	} else {
		if (!is_command)
			log_info("target %d exited", w->pid);
		session__note(s, LOG_GRADE_WARNING, w->pid, "the process has ended");
	}
	/* A front goes on showing what it has. What a command leaves behind is none of it. */
	if ((is_command || !is_any_left(s)) && (!s->front || s->front->ends_with_targets || s->is_stopping))
		s->is_over = true;
	return r;
}

static int dispatch(struct session *s, const struct epoll_event *event)
{
	switch (event->data.u64) {
	case TAG_PROBE:
		return 0; /* drained at every turn */
	case TAG_SIGNAL:
		on_signal(s);
		return 0;
	case TAG_STDOUT:
		return -EPIPE;
	case TAG_INPUT:
		return s->front->on_input(s->front->ctx);
	default:
		return on_target_exit(s, event->data.ptr);
	}
}

/* A process without steps may have workers for that. */
static bool have_workers_steps(const struct session *s)
{
	for (size_t i = 0; i < s->n_watches; i++)
		if (s->watches[i]->parent && s->watches[i]->steps > 0)
			return true;
	return false;
}

static void tell_silence(struct session *s, uint64_t now_ns)
{
	for (size_t i = 0; i < s->n_watches; i++) {
		struct watch *w = s->watches[i];

		if (w->is_on_trial || w->is_told || w->is_gone || now_ns - s->started_ns < SILENCE_NS)
			continue;
		w->is_told = true;
		if (w->steps == 0 && !have_workers_steps(s))
			log_info("0 steps seen in %d so far because %s", w->pid,
				 watch__silence_reason(w));
	}
}

/* Before the interpreter is up, even its version may be half known. */
static bool all_known(const struct session *s)
{
	for (size_t i = 0; i < s->n_watches; i++)
		if (!s->watches[i]->is_on_trial && (!s->watches[i]->target || !s->watches[i]->target->interp))
			return false;
	return true;
}

/* The start line comes before anything else. */
static int tell_shed(struct session *s, uint64_t now_ns)
{
	int r = s->shed > s->shed_told ? write_start(s) : 0;

	return r < 0 ? r : session__tell_shed(s, now_ns);
}

static int read_at_pace(struct session *s, uint64_t now_ns)
{
	const struct snapshot *snapshot;
	uint64_t pace_ns, before_ns;
	int r;

	if (now_ns < s->read_due_ns)
		return 0;
	before_ns = session_own_cpu_ns();
	pace_ns = watch_pace_ns(now_ns - s->started_ns);
	r = session__read(s, now_ns);
	if (r >= 0 && !s->judge && now_ns - s->told_ns >= SESSION_TICK_NS)
		r = tell_shed(s, now_ns);
	s->read_due_ns = session_next_due_ns(now_ns, pace_ns > MIN_READ_PACE_NS ? pace_ns : MIN_READ_PACE_NS,
					     session_own_cpu_ns() - before_ns);
	if (r < 0 || !s->judge)
		return r;
	r = model__snapshot(s->model, &snapshot);
	return r < 0 ? r : s->judge->on_read(s->judge->ctx, snapshot, now_ns);
}

static int do_due(struct session *s)
{
	const uint64_t now_ns = session_now_ns();
	int r;

	r = session__drain(s);
	if (r < 0)
		return r;
	session__examine_due(s, now_ns);
	session__keep_budget(s, now_ns);
	session__poll_threads(s, now_ns);
	session__settle(s);
	if (all_known(s)) {
		r = write_start(s);
		if (r < 0)
			return r;
	}
	r = s->front ? s->front->on_turn(s->front->ctx, now_ns, &s->front_due_ns) :
		       read_at_pace(s, now_ns);
	if (r < 0)
		return r;
	tell_silence(s, now_ns);
	if (now_ns >= s->stop_due_ns)
		stop(s, SIGTERM);
	return 0;
}

static int wait_ms(const struct session *s)
{
	const uint64_t now_ns = session_now_ns();
	uint64_t due_ns = now_ns + TICK_NS;

	if (s->stop_due_ns < due_ns)
		due_ns = s->stop_due_ns;
	if (s->threads_due_ns < due_ns)
		due_ns = s->threads_due_ns;
	if (s->budget_due_ns < due_ns)
		due_ns = s->budget_due_ns;
	if (s->front && s->front_due_ns < due_ns)
		due_ns = s->front_due_ns;
	for (size_t i = 0; i < s->n_watches; i++)
		if (!s->watches[i]->is_gone && s->watches[i]->examine_due_ns < due_ns)
			due_ns = s->watches[i]->examine_due_ns;
	return due_ns > now_ns ? (int)((due_ns - now_ns + 999999) / 1000000) : 0;
}

/* Until the session is over. 0 or -errno; -EPIPE when stdout was closed. */
static int loop(struct session *s)
{
	struct epoll_event events[16];
	int n, r;

	for (r = do_due(s); r >= 0 && !s->is_over; r = r < 0 ? r : do_due(s)) {
		n = epoll_wait(s->epoll_fd, events, 16, wait_ms(s));
		if (n < 0 && errno != EINTR)
			return -errno;
		for (int i = 0; i < n && r >= 0; i++)
			r = dispatch(s, &events[i]);
		session__sweep(s);
	}
	return r;
}

static int summarize(struct session *s, const struct snapshot **ret_snapshot)
{
	int r;

	r = session__drain(s);
	if (r >= 0)
		r = session__read(s, session_now_ns());
	if (r >= 0)
		r = model__snapshot(s->model, ret_snapshot);
	if (r >= 0)
		r = write_start(s);
	if (r < 0)
		return r;
	if (s->judge)
		return session__judge(s, *ret_snapshot);
	r = tell_shed(s, session_now_ns());
	return r < 0 ? r : session__write_summary(s, s->report, *ret_snapshot);
}

static bool has_loop(const struct session *s)
{
	for (size_t i = 0; i < s->n_watches; i++)
		if (s->watches[i]->n_loops > 0)
			return true;
	return false;
}

static bool has_command_failed(const struct session *s)
{
	char how[64];

	if (!s->child || s->is_stopping || !child__has_failed(s->child))
		return false;
	child__describe(s->child, how, sizeof(how));
	log_error("the command '%s' failed: %s", s->config->command[0], how);
	return true;
}

int session__verdict(const struct session *s, const struct snapshot *snapshot, int judged)
{
	if (snapshot->steps + snapshot->handles > 0)
		return judged;
	if (!has_loop(s)) {
		log_error("no event loop was found in %d: %s", s->watches[0]->pid,
			  watch__silence_reason(s->watches[0]));
		return EXIT_CANNOT_ATTACH;
	}
	if (snapshot->turns + snapshot->callbacks_ns + snapshot->idle_ns > 0)
		return judged;
	log_error("nothing was measured in %d: %s", s->watches[0]->pid,
		  watch__silence_reason(s->watches[0]));
	return EXIT_INCONCLUSIVE;
}

int session__run(struct session *s, struct err *err)
{
	const struct snapshot *snapshot = NULL;
	int r;

	r = begin(s, err);
	if (r < 0)
		return r;
	r = loop(s);
	if (r >= 0 && !s->front)
		r = summarize(s, &snapshot);
	if (r == -EPIPE)
		return EXIT_FINE; /* the reader has what it wanted */
	/* Full or not to be written to: whoever closes the recording tells. */
	if (r < 0 && s->feed.recorder && r == recorder__error(s->feed.recorder))
		return EXIT_FINE;
	if (r < 0) {
		log_error("the measurement broke off: %s", strerror(-r));
		return EXIT_INCONCLUSIVE;
	}
	if (has_command_failed(s))
		return EXIT_COMMAND_FAILED;
	return s->front ? EXIT_FINE : session__verdict(s, snapshot, r);
}
