/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * See flight.h. A thread writes the file, so that a slow disk does not stop the measurement. Events
 * that follow each other soon share a file: the ring holds all of them when it is written.
 */
#include "app/flight.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "base/thread.h"
#include "base/time.h"

/* From a file to the next one for the same reason, at most. */
#define PAUSE_NS (60 * NS_PER_S)

/* _(NAME, word, is_paced, what happened) */
#define REASONS(_)                                                                                 \
	_(STALL, "stall", true, "a long stall")                                                    \
	_(EXIT, "exit", true, "a process ended")                                                   \
	_(SIGNAL, "signal", false, "SIGUSR1")

enum reason {
#define _(name, word, is_paced, sentence) REASON_##name,
	REASONS(_)
#undef _
		REASON_MAX
};

struct occasion {
	bool is_waiting, has_file;
	pid_t pid; /* of the first event that waits */
	uint64_t file_ns; /* of the last file */
};

/* The thread has it while `is_writing`. */
struct writing {
	struct recording_id id;
	struct ring_copy *copy;
	char name[RECORDING_NAME_BYTES];
	int result;
};

struct flight {
	struct flight_opts opts;
	struct flight_folder folder;
	struct session *session;
	struct sink sink;
	struct timer timer;
	struct loop_fd usr1, written;
	struct occasion occasions[REASON_MAX];
	struct {
		uint32_t pid, tid;
		uint64_t start_ns;
	} last_stall; /* that was a reason: it comes again when it goes on or ends */
	pthread_t thread;
	bool is_writing;
	struct writing writing;
	unsigned int n_files, n_failed;
	int last_error;
};

static uint64_t pause_ns(const struct flight *f)
{
	return f->opts.ring_ns / 2 < PAUSE_NS ? f->opts.ring_ns / 2 : PAUSE_NS;
}

static const bool is_paced[REASON_MAX] = {
#define _(name, word, is_paced, sentence) [REASON_##name] = is_paced,
	REASONS(_)
#undef _
};

static const char *const words[REASON_MAX] = {
#define _(name, word, is_paced, sentence) [REASON_##name] = word,
	REASONS(_)
#undef _
};

static const char *const sentences[REASON_MAX] = {
#define _(name, word, is_paced, sentence) [REASON_##name] = sentence,
	REASONS(_)
#undef _
};

static uint64_t due_ns(const struct flight *f, enum reason reason)
{
	const struct occasion *o = &f->occasions[reason];

	if (!o->is_waiting)
		return TIMER_NEVER;
	return is_paced[reason] && o->has_file ? o->file_ns + pause_ns(f) : 0;
}

static void set_timer(struct flight *f)
{
	f->timer.due_ns = TIMER_NEVER;
	for (int i = 0; !f->is_writing && i < REASON_MAX; i++)
		if (due_ns(f, i) < f->timer.due_ns)
			f->timer.due_ns = due_ns(f, i);
}

static void request(struct flight *f, enum reason reason, pid_t pid)
{
	struct occasion *o = &f->occasions[reason];

	if (!o->is_waiting)
		o->pid = pid;
	o->is_waiting = true;
	set_timer(f);
}

static void *write_copy(void *ctx)
{
	struct flight *f = ctx;
	struct writing *w = &f->writing;

	w->result = flight_folder__write(&f->folder, &w->id, w->copy, w->name);
	/* The counter cannot be full. */
	eventfd_write(f->written.fd, 1);
	return NULL;
}

/* Once for each kind of failure, until one succeeds. */
static void note_failure(struct flight *f, int error)
{
	f->n_failed++;
	if (error != f->last_error)
		log_warn("cannot write a recording to %s: %s; the next one is tried again",
			 f->opts.path, strerror(-error));
	session__note(f->session, LOG_GRADE_WARNING, 0, "a recording could not be written: %s",
		      strerror(-error));
	f->last_error = error;
}

static void end_writing(struct flight *f)
{
	struct writing *w = &f->writing;

	pthread_join(f->thread, NULL);
	f->is_writing = false;
	if (w->result < 0) {
		note_failure(f, w->result);
	} else {
		f->n_files++;
		f->last_error = 0;
		log_info("wrote %s/%s, %llu KiB", f->opts.path, w->name,
			 (unsigned long long)(ring_copy__bytes(w->copy) >> 10));
	}
	ring_copy__free(TAKE_PTR(w->copy));
}

static void start_writing(struct flight *f, enum reason reason)
{
	struct occasion *o = &f->occasions[reason];
	const pid_t pid = o->pid;
	const struct record_cut cut = { .reason = words[reason], .pid = pid };
	int r;

	o->is_waiting = false;
	o->has_file = true;
	o->file_ns = session__now_ns(f->session);
	session__note(f->session, LOG_GRADE_INFO, pid, "a recording is written: %s",
		      sentences[reason]);
	r = session__copy_recording(f->session, &cut, &f->writing.copy);
	if (r >= 0) {
		f->writing.id = (struct recording_id){ .unix_ns = time_now_ns(CLOCK_REALTIME),
						       .pid = pid,
						       .reason = words[reason] };
		r = thread_start(&f->thread, write_copy, f);
		f->is_writing = r == 0;
	}
	if (r >= 0)
		return;
	ring_copy__free(TAKE_PTR(f->writing.copy));
	note_failure(f, r);
}

static int on_due(void *ctx, uint64_t now_ns)
{
	struct flight *f = ctx;

	for (int i = 0; !f->is_writing && i < REASON_MAX; i++)
		if (due_ns(f, i) <= now_ns)
			start_writing(f, i);
	set_timer(f);
	return recorder__error(session__recorder(f->session));
}

static int on_written(void *ctx)
{
	struct flight *f = ctx;
	eventfd_t n;

	if (eventfd_read(f->written.fd, &n) == 0 && f->is_writing)
		end_writing(f);
	set_timer(f);
	return 0;
}

static int take_pid(void *ctx, pid_t pid)
{
	*(pid_t *)ctx = pid;
	return 0;
}

static int on_usr1(void *ctx)
{
	struct flight *f = ctx;
	struct signalfd_siginfo info;
	pid_t pid = 0;

	if (read(f->usr1.fd, &info, sizeof(info)) != sizeof(info))
		return 0;
	session__each_pid(f->session, take_pid, &pid);
	request(f, REASON_SIGNAL, pid);
	return 0;
}

static int on_stall(void *ctx, const struct stall *stall)
{
	struct flight *f = ctx;

	if (!f->opts.on_stall_ns || stall->duration_ns < f->opts.on_stall_ns ||
	    (stall->pid == f->last_stall.pid && stall->tid == f->last_stall.tid &&
	     stall->start_ns == f->last_stall.start_ns))
		return 0;
	f->last_stall.pid = stall->pid;
	f->last_stall.tid = stall->tid;
	f->last_stall.start_ns = stall->start_ns;
	request(f, REASON_STALL, (pid_t)stall->pid);
	return 0;
}

static int on_process_end(void *ctx, pid_t pid)
{
	struct flight *f = ctx;

	if (f->opts.is_on_exit)
		request(f, REASON_EXIT, pid);
	return 0;
}

static int begin(void *ctx)
{
	struct flight *f = ctx;
	struct loop *loop = session__loop(f->session);
	int r = loop__add_fd(loop, &f->usr1, EPOLLIN);

	loop__add_timer(loop, &f->timer);
	return r < 0 ? r : loop__add_fd(loop, &f->written, EPOLLIN);
}

static int open_fds(struct flight *f)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	if (sigprocmask(SIG_BLOCK, &set, NULL) < 0)
		return -errno;
	f->usr1 = (struct loop_fd){ .fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK),
				    .fn = on_usr1,
				    .ctx = f };
	f->written = (struct loop_fd){ .fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK),
				       .fn = on_written,
				       .ctx = f };
	return f->usr1.fd < 0 || f->written.fd < 0 ? -errno : 0;
}

int flight__new(struct flight **ret_flight, const struct flight_opts *opts, struct err *err)
{
	_cleanup_(flight__freep) struct flight *f = calloc(1, sizeof(*f));
	int r;

	if (!f)
		return err__set(err, -ENOMEM, "out of memory");
	f->opts = *opts;
	f->usr1.fd = f->written.fd = f->folder.fd = -1;
	f->timer = (struct timer){ .due_ns = TIMER_NEVER, .fn = on_due, .ctx = f };
	f->folder.max_files = opts->max_files;
	f->folder.max_bytes = opts->max_bytes;
	r = flight_folder__open(&f->folder, opts->path, err);
	if (r < 0)
		return r;
	r = open_fds(f);
	if (r < 0)
		return err__set(err, r, "cannot take SIGUSR1: %s", strerror(-r));
	*ret_flight = TAKE_PTR(f);
	return 0;
}

void flight__free(struct flight *f)
{
	if (!f)
		return;
	if (f->is_writing)
		pthread_join(f->thread, NULL);
	ring_copy__free(f->writing.copy);
	fd_close(&f->usr1.fd);
	fd_close(&f->written.fd);
	flight_folder__done(&f->folder);
	free(f);
}

void flight__attach(struct flight *f, struct session *s)
{
	static const struct sink_ops ops = {
		.begin = begin,
		.stall = on_stall,
		.process_end = on_process_end,
	};

	f->session = s;
	f->sink = (struct sink){ .ops = &ops,
				 .ctx = f,
				 .outlives_targets = f->opts.outlives_targets };
	session__add_sink(s, &f->sink);
}

bool flight__finish(struct flight *f)
{
	if (f->is_writing)
		end_writing(f);
	for (int i = 0; i < REASON_MAX; i++) {
		if (!f->occasions[i].is_waiting)
			continue;
		start_writing(f, i);
		if (f->is_writing)
			end_writing(f);
	}
	if (f->n_failed)
		log_warn("%u of %u recordings could not be written", f->n_failed,
			 f->n_files + f->n_failed);
	return f->n_failed == 0;
}
