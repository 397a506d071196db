/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The parts of a session. Each struct belongs to the file named above it, which alone changes its
 * fields; what others may call is declared below it.
 */
#ifndef LOOPSTALL_SESSION_PARTS_H
#define LOOPSTALL_SESSION_PARTS_H

#include "base/time.h"
#include "model/model.h"
#include "record/feed.h"
#include "session/allowance.h"
#include "session/budget.h"
#include "session/env.h"
#include "session/newborns.h"
#include "session/session.h"
#include "session/watches.h"

/* session.c: how it begins and ends. */
struct life {
	struct loop_fd signals;
	bool has_watchdog; /* beside the loop, for signals that it does not read */
	/* These two only wake the loop: each turn drains events and examines what is due. */
	struct loop_fd kernel;
	struct timer wake;
	struct timer silence, stop;
	uint64_t started_ns; /* when the probes were attached */
	uint64_t started_cpu_ns; /* own CPU time then: set-up is not part of the running cost */
	struct machine_use started_machine;
	bool is_stopping; /* the command was asked to end */
	bool is_over;
	bool has_started; /* the sinks know the targets */
	enum { RIGHTS_ALL, RIGHTS_ATTACH, RIGHTS_WATCH } rights; /* that are left */
};

/* sinks.c: the outputs together. */

/* What any of them needs; only these members are set. */
struct sink session__sinks_needs(const struct session *s);
/* Calls their start once. 0 or -errno. */
int session__start_sinks(struct session *s);
/* Does any report an end? */
bool session__has_ending_sinks(const struct session *s);
/* Reads what is left and calls their end. The first code that is not EXIT_FINE, or -errno. */
int session__end_sinks(struct session *s);

/* Why no step was seen, what follows "because"; NULL if there were some. */
const char *session__silence(const struct session *s, const struct snapshot *snapshot);
/* Why no step of this process was seen. */
const char *session__silence_of(const struct session *s, const struct watch *w);

/* tree.c: which processes are watched. */
struct tree {
	struct newborns newborns;
	bool is_shortage_said, is_waiting_said;
};

/*
 * Begins to watch a process: because it was asked for (parent 0), or because a watched one forked
 * it. It is examined when that is due. 0 or -errno with err filled.
 */
int session__watch(struct session *s, pid_t pid, pid_t parent, struct watch **ret_watch,
		   struct err *err);
/* Adds the children that all processes have by now, and theirs. 0 or -errno. */
int session__follow_descendants(struct session *s);
void session__on_fork(struct session *s, const struct ls_rec_fork *rec);
/* Watches the forked children that are due. */
void session__take_newborns(struct session *s, uint64_t now_ns);
/* Whether it was a watched process that executed another program. */
bool session__on_exec(struct session *s, pid_t pid);

/* everything.c: every event loop of the machine. */
struct everything {
	struct newborns started; /* programs, to be looked at */
	struct timer look, search;
};

/* Begins to watch all processes that seem to have a runtime. 0, or -errno: none can be listed. */
int session__watch_everything(struct session *s);
void session__init_everything(struct session *s);
/* A process that is not watched executed another program. */
void session__on_program_start(struct session *s, pid_t pid);

/* examinations.c: when they are examined, and what that may cost. */
struct examinations {
	/* The processes that were there at the start are examined, however many they are. */
	bool is_bounded;
	bool is_right_missing; /* and it was said */
	struct allowance allowance; /* for processes that were not asked for */
	uint64_t n_brief; /* children that ended before they could be measured */
	uint64_t n_left_out; /* that lived long enough, but were not examined */
};

/* From here on examinations have an allowance. */
void session__bound_examinations(struct session *s);
/*
 * See watch__examine(). A process of the command that we started is stopped meanwhile if that takes
 * long, so that the probes are there before its first step; session__resume() ends that.
 */
int session__examine(struct session *s, struct watch *w, uint64_t now_ns, struct err *err);
void session__resume(struct session *s, struct watch *w);
/* Examines the processes for which that is due. */
void session__examine_due(struct session *s, uint64_t now_ns);
/* When that is to be called next. */
uint64_t session__examination_due_ns(struct session *s, uint64_t now_ns);
/* When a child that was forked at `born_ns` is to be watched: at once, or later in a storm. */
uint64_t session__newborn_due_ns(struct session *s, uint64_t born_ns, uint64_t now_ns);
/* A process that was not asked for has ended, or is not watched. */
void session__count_unexamined(struct session *s, uint64_t age_ns, bool has_executed);
void session__on_watch_end(struct session *s, const struct watch *w);
/* The measurement ends: counts what was not examined. */
void session__end_examinations(struct session *s, uint64_t now_ns);

/* discover.c: what runs in them. */
struct discovery {
	struct timer threads; /* the next look for threads that run a loop */
	struct timer requests; /* the next look for where requests are handled; see requests.c */
};

void session__init_discovery(struct session *s);
/* The mode has changed: looks for threads that run a loop at the next turn. */
void session__poll_threads_soon(struct session *s);
/* Registers the loops of all processes in light mode. False if there is no such process. */
bool session__find_light_loops(struct session *s);
/* Puts probes on an examined process and registers its loops. 0 or -errno with err filled. */
int session__attach(struct session *s, struct watch *w, struct err *err);
/* Registers loops that run already, so that even their first stall has samples and victims. */
void session__find_loops(struct session *s, struct watch *w);
/* requests.c: where requests are handled, and which test runs. */
void session__init_requests(struct session *s);
/* Looks for them in a process that is attached to, if it has loaded more since the last look. */
void session__find_requests(struct session *s, struct watch *w);
/* A thread has run a step of a loop that the kernel side did not see on it before. */
void session__on_thread(struct session *s, struct watch *w, const struct ls_rec_thread *rec);
/* Registers again what loops have moved since. */
void session__refresh_loops(struct session *s);

/* inside.c: what loop threads are in when they are found. */

/* True if a thread without kernel state is in a step or callback now, which it then fills in. */
bool session__find_inside(struct session *s, struct watch *w,
			  const struct target_loop_thread *thread, struct probe_inside *ret);
/* Adds the task, as found then, to a stall of that step. False if it is of another one. */
bool session__name_late_stall(struct session *s, struct ls_rec_stall *stall);

/*
 * holder_names.c: the library of a stall's loop, and the threads that held the interpreter's lock,
 * or others.
 */
#define MAX_HOLDER_NAMES 16

struct holder_name {
	uint32_t pid;
	uint32_t tid; /* the kernel's, where the id does not say it; 0: unknown */
	uint64_t tstate, id, read_ns;
	char name[LS_NAME_BYTES];
};

struct holder_names {
	struct holder_name list[MAX_HOLDER_NAMES];
};

/*
 * Adds the library of its loop, and the names of who held the interpreter's lock, and other locks,
 * if the stall waited for them.
 */
void session__complete_stall(struct session *s, struct ls_rec_stall *stall);

/* intake.c: events and aggregates on their way to the model. */
struct intake {
	struct timer read; /* at the session's pace, unless a sink has its own */
	uint64_t tick_due_ns; /* of the model's rates */
	struct probe_cost cost; /* of the measurement, as last read */
	struct allowance unwinding; /* for finding native frames */
	uint64_t n_not_unwound; /* copied stacks that were left out, because it was used up */
	uint64_t shed; /* stalls that the kernel side only counted */
	uint64_t shed_reported, shed_reported_ns; /* of them, and when */
	bool is_loss_noted[LS_LOSS_MAX];
	struct holder_names holder_names;
};

void session__init_intake(struct session *s, bool is_pacing);
/* Takes the events that wait. 0 or -errno. */
int session__drain(struct session *s);
/* Takes one event; `ctx` is the session. 0 or -errno. */
int session__on_event(void *ctx, const struct event *event);
/* Adds the task and its name, if the kernel side could not read them and the process can. */
void session__name_task(struct session *s, struct ls_rec_stall *stall);
/* Hands the number of stalls that were shed since the last call to the sinks. 0 or -errno. */
int session__report_shed(struct session *s, uint64_t now_ns);

/* mode.c: exact or light. */
struct mode {
	struct timer timer; /* the next decision of mode auto */
	bool is_auto;
	struct budget budget;
	struct probe_cost mark; /* costs when hits were last marked */
	uint64_t mark_ns;
	uint64_t switched_ns, light_ns; /* the last switch; time in light mode before it */
	uint64_t n_switches;
	uint64_t left_ns; /* when mode auto left light mode last, 0: never */
	struct {
		uint64_t begun, read_ns; /* so far, and when that was read */
		double per_s; /* NAN: not known */
		double hits; /* of probes for each, by the last window; NAN: not known */
	} handles; /* of all loops, in light mode: the load is estimated from them */
};

void session__init_mode(struct session *s, bool needs_every_step);
/* Switches all processes. 0, or -errno with err filled and nothing changed. */
int session__set_light(struct session *s, bool is_light, struct err *err);
bool session__is_light(const struct session *s, const struct watch *w);
/*
 * The same for people: windows in which mode auto times steps are light mode, and so are some
 * seconds after it, because what is shown of them was measured so.
 */
bool session__was_light_lately(const struct session *s, const struct watch *w);
/* Time in light mode so far. */
uint64_t session__light_ns(const struct session *s, uint64_t now_ns);

/* task_looks.c: what is read out of the processes' memory. */
struct task_looks {
	bool is_counting; /* the kernel side counts tasks one by one */
	uint64_t read_ns, due_ns; /* of the tasks one by one */
	uint64_t alive_due_ns; /* of their number */
	uint64_t pools_due_ns;
	struct lifecycle *life; /* of the process looked at; NULL: there was none */
};

/* Notes, once for each process, that a look at its tasks was cut short, if `code` says so. */
void session__note_cut(struct session *s, struct watch *w, int code);
/* Reads the loops' queues and executors, and how many tasks are alive. 0 or -errno. */
int session__read_loops(struct session *s, uint64_t now_ns);
/*
 * Looks at the pools of threads and connections, and at the life of the tasks, if it is time. 0 or
 * -errno.
 */
int session__read_pools(struct session *s, uint64_t now_ns);
void session__done_tasks(struct session *s);
/* The process has ended: nothing of it is in use any more. 0 or -errno. */
int session__end_tasks(struct session *s, const struct watch *w, uint64_t now_ns);

/* loop_spans.c: what the loop threads are in right now. */
#define MAX_SPANS 128 /* threads asked; those found later are left out */

struct loop_spans {
	size_t n;
	struct {
		pid_t tid;
		int fd; /* pidfd of a thread that is no process leader; -1: there is none */
	} threads[MAX_SPANS];
};

/* waiting.c: who waits for the end of an open stall. */
#define MAX_WAITING 16 /* stalls for which that is read; for more it is not known */

struct waiting_stall {
	uint32_t pid, tid;
	uint64_t start_ns, due_ns;
	bool is_known;
	struct target_waiting found; /* at the last look */
	uint64_t looked_ns; /* time of it */
	uint64_t starved_ns; /* a lower bound for them at that time */
	uint64_t first_ns; /* time of the first look */
	uint32_t n_first; /* tasks that were ready then and still are */
};

struct waiting {
	size_t n;
	struct waiting_stall list[MAX_WAITING];
};

/*
 * Adds to a stall of unknown victims those of the last look; while it is open, looks again if it is
 * time to. Returns them, or NULL: not known.
 */
const struct target_waiting *session__waiting(struct session *s, struct ls_rec_stall *stall);
/* The same for a row of the dashboard. */
void session__add_waiting(struct session *s, struct model_live *live);
/* The same, with an event for each victim that has a name. 0 or -errno of `fn`. */
int session__send_waiting(struct session *s, struct ls_rec_stall *stall, event_fn fn);

struct loop_thread {
	pid_t pid, tid;
	int fd; /* its pidfd */
};

typedef int (*loop_thread_fn)(void *ctx, const struct loop_thread *thread, uint64_t now_ns);

/* Calls fn for each loop thread that is alive until it fails. 0 or -errno. */
int session__each_loop_thread(struct session *s, loop_thread_fn fn, void *ctx, uint64_t now_ns);
void session__forget_thread(struct session *s, pid_t tid);
void loop_spans__done(struct loop_spans *spans);

/* open_stalls.c: stalls that have not ended. */
struct open_stall {
	uint32_t pid, tid;
	uint64_t start_ns; /* names it on its thread */
	uint64_t age_ns; /* at the last look */
	uint64_t task;
	struct ls_pystr name;
	bool is_late; /* it began before its thread was found */
	size_t n_reports;
	bool is_asked_reported; /* at the age that the options ask for */
	bool is_ended; /* reported as running when the measurement ended */
};

/* file_locks.c: stacks of processes that took a lock of a file for which an open stall waits. */
#define MAX_LOCK_LOOKS 4

struct lock_look {
	uint32_t pid, tid; /* of the stall's thread */
	uint64_t start_ns; /* of the stall */
	uint64_t holder; /* the process */
	/* a stall that waited so long for locks waited still when the stack was read */
	uint64_t waited_ns;
	size_t n_frames;
	struct ls_frame frames[LS_MAX_FRAMES];
};

struct lock_looks {
	size_t next;
	struct lock_look list[MAX_LOCK_LOOKS];
};

/* Reads, once, the stack of the process for which this open stall waits, if it can be read. */
void session__look_at_lock(struct session *s, const struct ls_rec_stall *stall);
/* What was read for this stall; NULL: nothing that holds. */
const struct lock_look *session__lock_look(const struct session *s,
					   const struct ls_rec_stall *stall);
/* Sends that as a stack of the stall, which follows. 0 or what `fn` returned. */
int session__send_lock_look(struct session *s, const struct ls_rec_stall *stall, event_fn fn);

struct open_stalls {
	struct timer look;
	size_t n;
	struct open_stall list[MAX_SPANS]; /* the last one of each thread */
	struct waiting waiting;
	struct lock_looks locks;
	bool has_ended; /* the measurement has: what ends from now on is not in it */
};

void session__init_open_stalls(struct session *s);
/* The measurement ends: reports what is open. 0 or -errno. */
int session__end_open_stalls(struct session *s, uint64_t now_ns);
/* Whether that has reported this stall, whose record of the kernel side comes now. */
bool session__has_ended_stall(const struct session *s, const struct ls_rec_stall *stall);
/* Reports what is open, to the model and all sinks. 0 or -errno. */
int session__report_open_stalls(struct session *s, uint64_t now_ns);
/* Records what is open as if the measurement ended now; the model does not get it. 0 or -errno. */
int session__record_open_stalls(struct session *s, uint64_t now_ns);
/* Adds task and name as an earlier look found them. False if there was none. */
bool session__name_open_stall(const struct session *s, struct ls_rec_stall *stall);
void session__forget_open_stall(struct session *s, uint32_t pid, uint32_t tid);

/* bounds.c: what keeps a session cheap and small however much happens. */
struct bounds {
	unsigned int stalls_per_s; /* sent one by one on average, at the highest level of detail */
	uint64_t at_ns, cpu_ns; /* the last decision, and own CPU time then */
	unsigned int level; /* how often the level of detail was halved */
	size_t n_ended, size;
	struct probe_thread *ended; /* threads whose readings the kernel side still has */
};

void session__init_bounds(struct session *s, unsigned int stalls_per_s);
/* Behind each read: adjusts the level of detail, gives back what ended threads used. */
void session__adjust_bounds(struct session *s, uint64_t now_ns);
/* A thread has ended: its readings are given back behind the next read. */
void session__on_thread_end(struct session *s, uint32_t pid, uint32_t tid);
/* A process has: frees what is known of it besides its numbers. */
void session__on_process_end(struct session *s, struct watch *w);

/* sink_record.c: the file beside the measurement. */
struct sink_record {
	struct sink sink;
	struct timer timer;
	uint64_t read_due_ns;
	size_t n_numbered; /* processes, of which the first ones are described in the file */
	bool has_undescribed;
};

/*
 * Puts a recorder in front of `resolver`, which the model is to use. 0 or -errno with err filled.
 */
int session__open_recording(struct session *s, struct resolver *resolver, struct err *err);
/* Notes what is known of the processes by now. 0 or -errno. */
int session__note_targets(struct session *s);

struct session {
	struct session_opts opts; /* threshold_ns as it is now */
	const struct session_env *env;
	struct loop loop;
	struct probe *probe; /* by env->kernel; NULL until it runs */
	struct symbols *symbols; /* by env->symbol */
	struct feed feed; /* the model's inputs go through here */
	struct watches watches;
	struct sink *sinks;
	struct life life;
	struct tree tree;
	struct everything everything;
	struct examinations examinations;
	struct discovery discovery;
	struct intake intake;
	struct mode mode;
	struct task_looks tasks;
	struct loop_spans spans;
	struct open_stalls open;
	struct bounds bounds;
	struct sink_record record;
};

#define SESSION_TICK_NS NS_PER_S

/* The sinks that have this function, each called until one fails. 0 or -errno. */
#define SINKS_CALL(s, fn, ...)                                                                     \
	({                                                                                         \
		int _sinks_r = 0;                                                                  \
		for (const struct sink *_k = (s)->sinks; _k && _sinks_r >= 0; _k = _k->next)       \
			if (_k->ops->fn)                                                           \
				_sinks_r = _k->ops->fn(_k->ctx, ##__VA_ARGS__);                    \
		_sinks_r < 0 ? _sinks_r : 0;                                                       \
	})

#endif
