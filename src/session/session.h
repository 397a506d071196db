/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One measurement from attach to summary: kernel side, symbols, model and the watched processes,
 * driven by one event loop. Events go to the model as they come, what the model makes of them goes
 * to the sinks. This header is all that a command needs.
 */
#ifndef LOOPSTALL_SESSION_SESSION_H
#define LOOPSTALL_SESSION_SESSION_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/err.h"
#include "model/light.h"
#include "model/model.h"
#include "record/recorder.h"
#include "report/report.h"
#include "session/child.h"
#include "session/loop.h"
#include "session/measure_mode.h"
#include "session/sink.h"

struct session;

/* What to measure, and how. Strings, arrays and what is pointed to must outlive the session. */
struct session_opts {
	const char *version; /* of the program */
	/* The targets: `child`, or all processes whose command line has `name`, or `pids`. */
	struct child *child; /* NULL, or the command that was started and held back */
	const char *command; /* its name; NULL without a command */
	const char *name;
	bool is_patient; /* with `name`: waits for the first one */
	bool is_everything; /* instead of these: every event loop of the machine */
	size_t n_pids;
	const pid_t *pids;
	uint64_t duration_ns; /* 0: until stopped */
	uint64_t threshold_ns;
	enum measure_mode mode;
	double budget; /* of mode auto: share of a core that exact timing may take */
	bool is_following; /* measure what a target forks, too */
	bool no_native; /* no copies of user stacks, and so no native frames */
	bool no_requests; /* neither HTTP requests nor tests are read */
	bool reads_sources; /* the lines around each stall, for a recording */
	const struct recorder_opts *record; /* NULL, or the file or ring to write a recording to */
	struct own_rules own; /* its texts must outlive the session */
	uint64_t report_open_ns; /* 0, or an age at which open stalls are reported as well */
	/*
	 * Drops the capabilities that are no longer needed, see privs_settle(); NULL: keeps all.
	 */
	void (*drop_privileges)(bool may_attach, bool needs_admin, char *kept, size_t size);
	const struct session_env *env; /* NULL: this machine */
};

/* Blocks SIGINT and SIGTERM, which session__run() handles. 0 or -errno with err filled. */
int session__new(struct session **ret_session, const struct session_opts *opts, struct err *err);
void session__free(struct session *s);
static inline void session__freep(struct session **s)
{
	session__free(*s);
}

/* Before session__run(). The sink must outlive the session. */
void session__add_sink(struct session *s, struct sink *sink);
/* Adds the targets of the options. 0 or -errno. */
int session__add_targets(struct session *s, struct err *err);
/*
 * Attaches, lets the command go, and measures until the duration is over, a signal comes, all
 * processes are gone or a sink's reader is; then ends the sinks. Returns an enum exit_code, or
 * -errno with err filled: a failure to attach if nothing was measured yet.
 */
int session__run(struct session *s, struct err *err);
/* Ends the session; a started command is asked to end first. */
void session__stop(struct session *s);

/* For sinks, while the session runs. */

struct loop *session__loop(struct session *s);
uint64_t session__now_ns(const struct session *s);
/* CPU time of this program so far. */
uint64_t session__own_cpu_ns(const struct session *s);
struct model *session__model(const struct session *s);
uint64_t session__started_ns(const struct session *s);
/* Whether the mode is light, for people; its share is the snapshot's matter. */
struct light session__light(const struct session *s);
uint64_t session__threshold_ns(const struct session *s);
/* How events come: probe__transport(). */
const char *session__transport(const struct session *s);
/* The minimum duration of a stall from here on. 0 or -errno. */
int session__set_threshold(struct session *s, uint64_t threshold_ns);
/* Forgets what was counted so far, see model__reset(). */
void session__reset(struct session *s);
/* Writes a line to the model's log, about a process or, with pid 0, about none. */
__attribute__((format(printf, 4, 5))) void session__note(struct session *s, enum log_grade grade,
							 pid_t pid, const char *fmt, ...);

/*
 * When a repeated read is due again: every `pace_ns`, less often if the last run, which began at
 * `now_ns` with own CPU time `cpu_ns`, was expensive.
 */
uint64_t session__next_due_ns(const struct session *s, uint64_t now_ns, uint64_t pace_ns,
			      uint64_t cpu_ns);
/* Reads aggregates and losses into the model, and ticks it when due. 0 or -errno. */
int session__read(struct session *s, uint64_t now_ns);
/* The same, and the totals of all loop threads are those of now: some lag behind. 0 or -errno. */
int session__read_last(struct session *s, uint64_t now_ns);
/* Whether the kernel side counts tasks one by one. Setting it: 0 or -errno. */
bool session__is_counting_tasks(const struct session *s);
int session__count_tasks(struct session *s, bool is_on);
/* Reads the tasks one by one into the model, as often as its cost allows. 0 or -errno. */
int session__read_tasks(struct session *s, uint64_t now_ns);
/*
 * Reads into the model which spans are open right now and began at least `age_ns` ago. Their number
 * or -errno.
 */
int session__read_spans(struct session *s, uint64_t now_ns, uint64_t age_ns);

/* What all of it cost so far. */
struct own_cost session__own_cost(const struct session *s);
uint64_t session__own_rss_bytes(void);
/* Process, runtime, kind of loop, mode and rung of the first one, "+1 more"; raw. */
void session__describe(const struct session *s, char *buf, size_t size);
/* Calls `fn` for the pids of all processes until one does not return -ENOENT, and returns that. */
int session__each_pid(const struct session *s, int (*fn)(void *ctx, pid_t pid), void *ctx);

/* A watched process in which a runtime was found, and that has not ended. */
struct session_process {
	const struct target *target;
	const char *loop; /* word of its kind; NULL while none is known */
	size_t loops; /* threads that run one */
	bool is_light;
	uint64_t tasks; /* alive, at the last count */
};
/* Calls `fn` for each until one fails. 0 or -errno. */
int session__each_process(const struct session *s,
			  int (*fn)(void *ctx, const struct session_process *process), void *ctx);
bool session__is_watched(const struct session *s, pid_t pid);

/* What the snapshot does not hold, up to now. */
struct report_run session__run_so_far(const struct session *s, const struct snapshot *snapshot);
/* The parts of a report. 0 or -errno. */
int session__write_start(const struct session *s, struct report *report);
int session__write_summary(const struct session *s, struct report *report,
			   const struct snapshot *snapshot);

/* The recording of the options; NULL without one. */
struct recorder *session__recorder(const struct session *s);
/* Behind session__run(): takes what is left and ends the file. 0 or -errno. */
int session__close_recording(struct session *s);
/* Reason and process are noted in the copy. */
struct record_cut {
	const char *reason;
	pid_t pid; /* 0: none */
	uint64_t since_ns; /* as in recorder__copy() */
};
/* With a ring: what it holds at this moment, with the stalls that are open. 0 or -errno. */
int session__copy_recording(struct session *s, const struct record_cut *cut,
			    struct ring_copy **ret_copy);
/* Behind it: EXIT_FINE, or why the measurement counts for nothing, which is logged. Or -errno. */
int session__verdict(const struct session *s);

#endif
