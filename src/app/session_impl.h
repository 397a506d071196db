/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The inside of a session, shared by its parts: session.c (life cycle, epoll loop), session_feed.c (what
 * comes from the processes and the kernel side, and goes to the model), session_live.c (what is open right
 * now), session_report.c (output), and by dashboard.c, which shows it.
 */
#ifndef LOOPSTALL_APP_SESSION_IMPL_H
#define LOOPSTALL_APP_SESSION_IMPL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "app/budget.h"
#include "app/child.h"
#include "app/cli.h"
#include "app/session.h"
#include "app/watch.h"
#include "base/err.h"
#include "model/model.h"
#include "probe/probe.h"
#include "record/feed.h"
#include "report/report.h"
#include "symbol/symbol.h"

/* Threads asked what they are in right now; those found later are left out. */
#define SESSION_MAX_THREADS 128
#define SESSION_TICK_NS 1000000000ULL

/* A loop thread. */
struct session_thread {
	pid_t tid;
	int fd; /* pidfd of a thread that leads no process; -1 if there is none: the kernel cannot, or it has gone */
};

struct session {
	const struct config *config;
	struct child *child;
	struct probe *probe;
	struct symbols *symbols;
	struct model *model;
	struct feed feed; /* its inputs go through here */
	size_t n_watches, watches_size;
	struct watch **watches; /* those that were asked for first */
	struct watch *by_pid; /* table of those that live */
	size_t n_numbered; /* of them are in the recording */
	bool has_dropped; /* some wait for the sweep */
	struct report *report;
	struct report_opts report_opts;
	int epoll_fd, signal_fd;
	uint64_t started_ns; /* when the first probe was attached */
	struct machine_use started_machine; /* the machine then */
	uint64_t started_cpu_ns; /* our CPU time then: what came before is paid once */
	struct probe_cost cost; /* of the measurement, when it was last read */
	uint64_t threshold_ns; /* at first that of the configuration */
	uint64_t read_due_ns; /* of the aggregates */
	uint64_t tick_due_ns; /* of the model's rates */
	uint64_t switched_ns, light_ns; /* when the mode last changed; time in light mode till then */
	uint64_t n_switches;
	bool is_auto; /* the mode goes with the load */
	struct budget budget;
	uint64_t budget_due_ns; /* of the next decision */
	struct probe_cost budget_cost; /* as it was then */
	uint64_t budget_cost_ns;
	struct {
		uint64_t begun, read_ns; /* so far, and when that was read */
		double per_s; /* NAN: not known */
		double hits; /* of probes that one stands for, by the last window; NAN: not known */
	} handles; /* of all loops, in light mode: from them the load is estimated */
	uint64_t test_switch_ns; /* the tests' way to have the mode change all the time; else 0 */
	uint64_t threads_due_ns; /* of the look for threads that run a loop */
	uint64_t tasks_read_ns; /* of the last look at tasks one by one */
	uint64_t tasks_due_ns, alive_due_ns; /* of the tasks one by one, and of their number */
	size_t n_ended, ended_size;
	struct probe_thread *ended; /* threads of which the kernel side still has the readings */
	struct {
		uint64_t at_ns, cpu_ns; /* when it was looked at last, and our CPU time then */
		unsigned int level; /* how often what is told was halved */
	} detail;
	uint64_t shed; /* stalls that the kernel side only counted */
	uint64_t told_ns, shed_told; /* when a line of those was due last, and how many there had been by then */
	uint64_t stop_due_ns; /* the duration is over, or a stopping command has had its time */
	const struct session_front *front; /* NULL: a report is written */
	uint64_t front_due_ns;
	const struct session_judge *judge; /* NULL: nobody judges */
	size_t n_threads;
	struct session_thread threads[SESSION_MAX_THREADS];
	bool is_counting_tasks; /* one by one */
	bool is_loss_noted[LS_LOSS_MAX]; /* the log has a line of it */
	bool is_stopping; /* the command was asked to end */
	bool is_over;
	enum session_rights { SESSION_RIGHTS_ALL, SESSION_RIGHTS_ATTACH, SESSION_RIGHTS_WATCH } rights; /* that are left */
	bool has_start; /* the start line is written */
};

/* CLOCK_MONOTONIC, as the kernel side stamps its records. */
uint64_t session_now_ns(void);

/* The process with this number, NULL if it is none of ours. */
struct watch *session__find(struct session *s, pid_t pid);
/*
 * Begins to watch a process: because it was asked for (parent 0), or because a watched one forked it. It is examined when that is due. 0 or -errno with
 * err filled.
 */
int session__watch(struct session *s, pid_t pid, pid_t parent, struct watch **ret_watch, struct err *err);
/* Forgets one of no interest. It stays valid until the next sweep. */
void session__drop(struct session *s, struct watch *w);
void session__sweep(struct session *s);
void session__free_tree(struct session *s);
/* One more process has ended: of many, the oldest goes. */
void session__forget_dead(struct session *s);
/* One whose files another is likely to have, too: any. NULL if nobody is known yet. */
const struct target *session__relative(const struct session *s);
/* Adds the children that a process has already, and theirs. 0 or -errno. */
int session__follow_tree(struct session *s, struct watch *root);
void session__on_fork(struct session *s, pid_t parent, pid_t child, bool is_vfork);
/* Whether it was a watched process that executed another program. */
bool session__on_exec(struct session *s, pid_t pid);
/*
 * Looks at a process: see watch__examine(). One of the command that we started is held meanwhile if that takes long, so that the probes sit before its
 * first step; session__let_go() ends that.
 */
int session__examine(struct session *s, struct watch *w, uint64_t now_ns, struct err *err);
void session__let_go(struct watch *w);
bool session__is_undecided(const struct watch *w, uint64_t now_ns);

/*
 * Puts probes on a process that was examined, and tells the kernel side of its loops. 0 or -errno.
 */
int session__attach(struct session *s, struct watch *w, struct err *err);
/* Gives up the rights that what is still to do does not need. */
void session__settle(struct session *s);
/* Takes the events that wait. 0 or -errno. */
int session__drain(struct session *s);
/* Reads the aggregates and losses into the model, and tells it the time if that is due. 0 or -errno. */
int session__read(struct session *s, uint64_t now_ns);
/* Mode auto: begins, and looks whether the mode still fits the load if that is due. */
void session__begin_auto(struct session *s);
void session__keep_budget(struct session *s, uint64_t now_ns);
/* To light mode or back to exact, for all processes. 0 or -errno with err filled: all stays as it is then. */
int session__switch(struct session *s, bool is_light, struct err *err);
/* How long it was in light mode so far. */
uint64_t session__light_ns(const struct session *s, uint64_t now_ns);
/* How its steps are seen at this moment: "exact" or "light". */
const char *session__mode_word(const struct session *s, const struct watch *w);
/* Loops that run already: so even their first stall has samples and victims. */
void session__find_loops(struct session *s, struct watch *w);
/* Tells the kernel side what runs where, and looks for it if that is due and nothing else would tell of it. */
void session__show_threads(struct session *s, struct watch *w, const struct target_loop_thread *threads, int n);
void session__poll_threads(struct session *s, uint64_t now_ns);
/* Looks again at the processes for which that is due. */
void session__examine_due(struct session *s, uint64_t now_ns);
/*
 * Looks into the processes, as often as its cost allows: their tasks one by one; their loops and how many tasks are alive. 0 or
 * -errno.
 */
int session__read_tasks(struct session *s, uint64_t now_ns);
int session__read_loops(struct session *s, uint64_t now_ns);
/* Whether the kernel side counts tasks one by one. 0 or -errno. */
int session__count_tasks(struct session *s, bool is_on);
/* From here on a stall is what lasts this long. 0 or -errno. */
int session__set_threshold(struct session *s, uint64_t threshold_ns);
/* Writes a line to the model's log, of a process or, with pid 0, of none. */
__attribute__((format(printf, 4, 5))) void session__note(struct session *s, enum log_grade grade, pid_t pid,
							 const char *fmt, ...);

/*
 * Tells the model which spans are open right now and began at least `age_ns` ago. Their number or -errno.
 */
int session__read_live(struct session *s, uint64_t now_ns, uint64_t age_ns);
/* A thread has ended. */
void session__forget_thread(struct session *s, pid_t tid);

/*
 * The file beside the measurement. Opening puts a recorder in front of `resolver`, which the model is to use then. The rest does nothing
 * if nothing is recorded. 0 or -errno.
 */
int session__open_recording(struct session *s, const struct recorder_opts *opts,
			    struct resolver *resolver, struct err *err);
/* What is known of the processes by now. */
int session__describe_recording(struct session *s);
/* Takes what is left and ends the file. */
int session__close_recording(struct session *s);

/*
 * What keeps a session cheap and small however much happens (session_bounds.c). Before the first read; after each: less or more is told
 * of stalls, as our own cost allows.
 */
void session__open_bounds(struct session *s);
void session__keep_bounds(struct session *s, uint64_t now_ns);
/* A thread has ended: its readings are given back behind the next read. */
void session__on_thread_end(struct session *s, uint32_t pid, uint32_t tid);
/* A process has: what is known of it beside its numbers goes. */
void session__on_process_end(struct session *s, struct watch *w);
/* Says in the report how many stalls were counted without a line, if there were any since the last time. 0 or -errno. */
int session__tell_shed(struct session *s, uint64_t now_ns);
/* When what took `cost_ns` of our CPU time since the last time is due again, if it should be each `pace_ns`. */
uint64_t session_next_due_ns(uint64_t now_ns, uint64_t pace_ns, uint64_t cost_ns);

/* The parts of a report. 0 or -errno. */
int session__write_start(const struct session *s, struct report *report);
int session__write_summary(const struct session *s, struct report *report,
			   const struct snapshot *snapshot);

/* Has the judge end the measurement. An enum exit_code or -errno. */
int session__judge(const struct session *s, const struct snapshot *snapshot);
/* The exit code of what was measured: `judged` if it was anything. Says what is wrong. */
int session__verdict(const struct session *s, const struct snapshot *snapshot, int judged);
/* Why no step was seen, what follows "because"; NULL if there were some. */
const char *session__silence(const struct session *s, const struct snapshot *snapshot);

/* What all of it cost so far. */
struct own_cost session__own_cost(const struct session *s);
/* Since the program began. */
uint64_t session_own_cpu_ns(void);
uint64_t session_own_rss_bytes(void);

#endif
