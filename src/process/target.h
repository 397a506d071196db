/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Examines one process from outside (/proc, ELF files through /proc/PID/root, memory reads): who it
 * is, which runtime it has, where the runtime keeps things, and the spots a probe may sit on. Never
 * stops or changes the process. What depends on the runtime goes through its table
 * (runtime/runtime.h).
 */
#ifndef LOOPSTALL_PROCESS_TARGET_H
#define LOOPSTALL_PROCESS_TARGET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include <loopstall/loop_thread.h>

#include "base/err.h"
#include "runtime/words.h"

/* How the steps of a target can be seen, best first. */
#define TARGET_RUNGS(_)                                                                            \
	_(SYMBOL, "symbol", "step function found by its symbol")                                   \
	_(ENTRY, "entry",                                                                          \
	  "step function found from the imports and method tables of a stripped module")           \
	_(NONE, "none", "no step function found: its threads are sampled")

enum target_rung {
#define _(name, word, sentence) TARGET_RUNG_##name,
	TARGET_RUNGS(_)
#undef _
};

const char *target_rung_word(enum target_rung rung);
const char *target_rung_sentence(enum target_rung rung);

/*
 * One place to put a uprobe: a file offset of `path` (already under /proc/PID/root) and its
 * meaning.
 */
struct target_spot {
	uint64_t file_offset;
	uint64_t vaddr;
	enum ls_spot kind;
	uint8_t is_emulable; /* false: the kernel must single-step it, 12 us instead of 0.6 */
};

/* One ELF file of the target with the spots found in it. */
struct target_module {
	char *path; /* as the target names it */
	char *host_path; /* as we can open it: /proc/PID/root + path */
	dev_t dev;
	ino_t ino;
	size_t n_spots;
	struct target_spot *spots;
};

struct loop_kind;
struct runtime_ops;
struct runtime_words;

/* "unknown" for NULL. */
const char *target_loop_kind_word(const struct loop_kind *kind);
/* As in struct loop_kind; LIBRARY_DEFAULT and false for NULL. */
enum loop_library target_loop_kind_library(const struct loop_kind *kind);
bool target_loop_kind_is_bare(const struct loop_kind *kind);
/* Light mode does not see what such a loop runs. */
bool target_loop_kind_is_by_thread(const struct loop_kind *kind);

/* A thread with a running event loop, as found by reading the process once. */
struct target_loop_thread {
	pid_t tid; /* in our pid namespace, 0 if unknown */
	uint64_t loop; /* address of the loop object */
	uint64_t tstate; /* of its thread state */
	const struct loop_kind *kind; /* NULL: unknown */
	/* Of a bare loop: */
	uint64_t frame; /* of the function that runs it; 0: unknown */
	struct ls_bare_loop bare;
	int poll_fd; /* the descriptor it waits on; -1: several, it polls with poll or select */
	char type_name[64];
};

struct target {
	pid_t pid;
	uint64_t start_time_ticks; /* from /proc/PID/stat: distinguishes a reused pid */
	char comm[64];
	char *cmdline; /* one line, arguments joined with spaces, not yet escaped */
	char *exe; /* path as the target names it */
	bool is_replaced; /* its program's file was deleted or replaced since it started */
	bool is_container; /* another pid or user namespace than ours, or other mounts and root */
	bool shares_pids; /* its threads have in its pid namespace the ids that they have in ours */
	char *cgroup; /* "/docker/4f1a...", not yet escaped; NULL if it is in none */
	pid_t ns_pid; /* pid inside its own namespace */
	struct known_files *known; /* what was found in its files */
	uint64_t files_stamp; /* of the files it had mapped */
	uint64_t vm_pages; /* size of its address space then; 0: not known */

	/* Set by the runtime, which may examine the target again and again while it starts up. */
	const struct runtime_ops *runtime;
	void *own; /* the runtime's private data */
	char version[16]; /* "3.11.2" */
	bool is_newer; /* than all versions known, but its own tables were found to fit */
	bool is_up; /* the runtime is initialized */
	bool has_loops; /* the library that runs event loops is loaded */
	bool is_stripped; /* the file with the step function has no .symtab */
	uint32_t parts; /* other libraries that are loaded: bits with a meaning of the runtime's */
	uint64_t anchor; /* address of static data; another one after exec */
	enum target_rung rung;
	char rung_note[160]; /* what is wrong or missing at the step spots, "" if nothing */
	struct ls_proc proc; /* what the kernel side needs; complete once is_up is set */
	size_t n_modules;
	struct target_module *modules;
};

/* What may help an examination; each may be NULL. */
struct target_context {
	/*
	 * A target that probably has the same files (an earlier examination, the parent process),
	 * whose search results are reused.
	 */
	const struct target *relative;
	/* Called before a file is searched, which takes up to 100 ms for all files of a process. */
	void (*on_search)(void *ctx);
	void *ctx;
	/*
	 * Nothing will be probed: searched are only the loops' own library, and what polls, which
	 * shows loops of which no more is known. To search the others takes most of the time.
	 */
	bool is_without_spots;
	/* The runtimes to try, ends with NULL. NULL: all that are registered. */
	const struct runtime_ops *const *runtimes;
};

/*
 * Examines `pid`. Works also before the runtime is initialized or its loops' library is loaded:
 * then `is_up` or `has_loops` is false, and probe spots come from the files that would be loaded.
 * Call again to learn more. Returns 0 or -ESRCH (no such process, or a zombie), -EACCES or -EPERM
 * (may not read it), -ENOEXEC (no runtime that is known; err says what else it is), -ENOTSUP (a
 * version that is not supported); err says why in all cases. `context` may be NULL.
 */
int target__examine(struct target **ret_target, pid_t pid, const struct target_context *context,
		    struct err *err);
/*
 * True if another examination would find nothing new: the runtime is up, and the same files are
 * mapped. The maps, which may be tens of thousands, are read only if the size of the address space
 * has changed, as it does whenever a library is loaded.
 */
bool target__is_current(struct target *t);
void target__free(struct target *t);
static inline void target__freep(struct target **t)
{
	target__free(*t);
}

/* Threads that run a loop now. Returns the number found (at most max) or -errno. */
int target__loop_threads(const struct target *t, struct target_loop_thread *threads, size_t max);

/*
 * Finds where the process keeps the task that runs now, for a kernel side that sees no steps; the
 * loops' library must be loaded. 1 if it was found now, 0 if it was known or is not needed, -ENOENT
 * if it is unknown, or -errno.
 */
int target__find_running_task(struct target *t);

/*
 * Where the process handles requests, as far as it has loaded what does so, and which test it runs.
 * `*stamp` is 0 at first and changes with what is loaded: 1 if *ret was set, 0 if nothing was
 * loaded since, or -errno.
 */
int target__requests(const struct target *t, uint64_t *stamp, struct ls_requests *ret);

/*
 * What runs on the thread with this thread state: the address of its loop, or 0 for another
 * scheduler, with its kind if known. 0 or -errno.
 */
int target__scheduler_of_thread(const struct target *t, uint64_t tstate, uint64_t *ret_loop,
				const struct loop_kind **ret_kind);

/* A thread that the runtime knows: it runs its code, or may do so. */
struct target_thread {
	uint64_t tstate; /* its thread state */
	pid_t tid; /* in our pid namespace, 0 if unknown */
	char name[64]; /* as the program has it, UTF-8, raw; "" if it has none */
};

/* A list of such threads. The caller gives room for `max`, and which ones must be in it. */
struct target_threads {
	struct target_thread *threads;
	size_t n, max;
	bool has_more; /* there are more than `max` */
	const uint64_t *wanted; /* thread states */
	size_t n_wanted;
};

/* Fills the list: the newest threads, and those that are wanted. 0 or -errno. */
int target__threads(const struct target *t, struct target_threads *list);

#define TARGET_STACK_FRAMES 128

/* One frame of a thread's stack. */
struct target_frame {
	struct ls_frame at;
	uint64_t coro; /* the coroutine or generator that owns it, 0 for a function */
};

/* What a thread runs, innermost frame first. */
struct target_stack {
	size_t n_frames; /* 0: it runs none of the runtime's code */
	/* Of a deep stack the middle is left out: so many frames, behind the first `n_inner`. */
	size_t n_left_out, n_inner;
	/*
	 * It changed whenever it was read: these are the outer frames that did not. What they
	 * called is not known.
	 */
	bool is_torn;
	struct target_frame frames[TARGET_STACK_FRAMES];
};

/*
 * The stack of the thread with this thread state, read without stopping it: it counts only if two
 * readings agree. 0 or -errno; -ENOTSUP: the runtime has no such stacks.
 */
int target__thread_stack(const struct target *t, uint64_t tstate, struct target_stack *ret_stack);

/*
 * The thread that holds the runtime's global lock: its thread state, 0 if none does. -ENOENT: there
 * is no such lock; or -errno.
 */
int target__lock_holder(const struct target *t, uint64_t *ret_tstate);
/*
 * Name of the thread that the kernel side identifies by thread state and `id`, as the program has
 * it, or else as the kernel has it: UTF-8, raw. -ENOENT: there is no such thread any more.
 */
int target__thread_name(const struct target *t, uint64_t tstate, uint64_t id, char *buf,
			size_t size);
/* True if a thread that waits for the futex at `addr` waits for that lock. */
bool target__is_lock_wait(const struct target *t, uint64_t addr);
/* A function that has no frame. */
struct target_callee {
	char name[128]; /* UTF-8, raw */
	const char *file; /* what stands for one */
};

/*
 * The function without a frame that the innermost frame of a thread calls, if that is the loop's
 * own. 0, -ENOENT or -errno: it calls none, or that is not known.
 */
int target__callee(const struct target *t, uint64_t tstate, struct target_callee *ret);
/*
 * Whether the first thread of the process, which has this stack, runs a greenlet of a library whose
 * loop runs in another one. False also if that is not known.
 */
bool target__is_greenlet(const struct target *t, const struct target_stack *stack);
/* The epoll descriptor of a loop, as the process numbers it. -ENOENT if it has none. */
int target__poll_fd(const struct target *t, uint64_t loop);

/* Number of tasks alive (not done) in the process, or -errno if not known. */
int target__count_tasks(const struct target *t);

/* State of a live task according to its own fields. */
enum target_task_state {
	TARGET_TASK_WAITING, /* for something that is not done yet */
	TARGET_TASK_READY, /* what it waited for is done, or it has not begun: its step is due */
	TARGET_TASK_RUNNING, /* its coroutine is on a thread's stack now */
};

#define TARGET_TASK_FRAMES 16

/* One task, read while the process runs: each field may be of another moment than the others. */
struct target_task {
	uint64_t task, loop, coro;
	/* what the kernel side calls it: its own address, or its coroutine's */
	uint64_t counted_as;
	uint64_t code, qualname; /* of its coroutine; 0 if unknown */
	/*
	 * the task that waits for it (directly, or in a gather, wait, TaskGroup, wait_for,
	 * nursery), 0 if none was found
	 */
	uint64_t awaited_by;
	enum target_task_state state;
	bool is_cut; /* more frames than these */
	uint8_t n_frames; /* at most TARGET_TASK_FRAMES */
	/* its await chain: coroutines and generators only, innermost first */
	const struct ls_frame *frames;
	const char *name; /* UTF-8, raw; "" if it could not be read */
	/* type of what it waits for, "Future", "Task", "_GatheringFuture"; "" if nothing or unknown
	 */
	const char *waits_for;
};

/*
 * Tasks with what they point to; all zero before the first use. There may be 100 000: texts and
 * frames take what they need, and tasks at the same place one behind the other share them.
 */
struct target_tasks {
	size_t n, size;
	struct target_task *list;
	size_t total; /* alive in the process; more than n if not all were read */
	size_t n_chunks, chunks_size;
	char **chunks; /* what the tasks point to */
	size_t chunk_used; /* bytes of the last chunk */
};

/* What tasks were read before is gone; room for `n` others. 0 or -ENOMEM. */
int target_tasks__begin(struct target_tasks *tasks, size_t n);
/* Adds a copy of a task and of what it points to. 0 or -ENOMEM. */
int target_tasks__add(struct target_tasks *tasks, const struct target_task *task);
void target_tasks__done(struct target_tasks *tasks);

/*
 * Which tasks matter most where there are too many: those of the highest weight. `counted_as` as in
 * struct target_task.
 */
struct target_task_choice {
	uint64_t (*weight)(void *ctx, uint64_t counted_as);
	void *ctx;
};

/*
 * The tasks that are alive (not done), at most `max`, instead of those in `tasks`. Returns their
 * number, or -errno with tasks->total 0.
 */
int target__tasks(const struct target *t, size_t max, const struct target_task_choice *choice,
		  struct target_tasks *tasks);

/*
 * The task that runs coroutine `coro`, if the kernel side can know it by its coroutine only: its
 * address, 0 if there is none or it is gone, and its name, of kind LS_NO_NAME if it could not be
 * read. 0 or -errno.
 */
int target__task_of_coroutine(const struct target *t, uint64_t coro, uint64_t *ret_task,
			      struct ls_pystr *ret_name);

/* A step of a task, as found on the stack of its thread. */
struct target_step {
	size_t frame; /* that of the task's own coroutine in the stack */
	uint64_t task, coro;
	uint64_t counted_as; /* as in struct target_task */
	uint64_t qualname; /* of its coroutine; 0 if unknown */
	struct ls_pystr name; /* of the task; kind LS_NO_NAME if it could not be read */
};

/*
 * The innermost step that a thread with this stack is in. 0, -ENOENT if none was found, or -errno.
 */
int target__step_of_stack(const struct target *t, const struct target_stack *stack,
			  struct target_step *ret_step);

/*
 * The name of the task at this address, which runs coroutine `coro`: another task may have its
 * place. 0, -ENOTSUP, or -errno: it is not there any more.
 */
int target__task_name(const struct target *t, uint64_t task, uint64_t coro,
		      struct ls_pystr *ret_name);

/* A loop's default pool of threads. */
struct target_executor {
	uint32_t threads, max_workers; /* 0: it has none yet */
	uint32_t queued; /* calls that wait for a thread */
};

/* 0 or -errno. */
int target__executor(const struct target *t, uint64_t loop, struct target_executor *ret);
/* Thread states of the threads in that pool: their number (at most max) or -errno. */
int target__executor_threads(const struct target *t, uint64_t loop, uint64_t *tstates, size_t max);

struct lifecycle;
struct pools;

/*
 * The pools in which threads work, or for which tasks wait, at this moment, and in `life`, unless
 * it is NULL, the groups of tasks: one listing of the tasks serves both. 0, -ENOTSUP: the runtime
 * has none that are known, or -errno; then both are empty.
 */
int target__pools(const struct target *t, struct pools *ret, struct lifecycle *life);

/* Handles in a loop's ready queue at this moment, or -errno. One read. */
int target__count_ready(const struct target *t, const struct ls_loop *loop);

#define TARGET_WAITING_NAMES 8

/* Tasks that wait until a loop goes on. */
struct target_waiting {
	uint32_t n;
	bool is_cut; /* there may be more: not all queues could be read, or not to their ends */
	uint32_t n_ready; /* of n: in the ready queue; for how long is not known */
	uint64_t due_ns; /* time that the others have waited, summed */
	size_t n_names; /* of the first ones */
	struct ls_pystr names[TARGET_WAITING_NAMES];
};

/* A loop that has been stuck from `start_ns` to `now_ns`. */
struct target_stuck {
	const struct ls_loop *loop;
	uint64_t tstate; /* of its thread; 0: not known, as for loops that are known by address */
	uint64_t coro; /* of the task whose step holds it up; 0: a callback does */
	uint64_t start_ns, now_ns;
};

/*
 * The tasks in the ready queue of a loop that is stuck, and those that sleep on timers that are due
 * at `now_ns`. 0, -ENOTSUP or -ENOENT: not known, or -errno; -EAGAIN: the queue changed.
 */
int target__waiting(const struct target *t, const struct target_stuck *stuck,
		    struct target_waiting *ret);

/*
 * What the kernel side needs to look into a loop's queues; what target__resolve_tasks() filled in
 * stays. Returns 0 (unknown parts are 0) or -errno.
 */
int target__resolve_loop(const struct target *t, uint64_t loop, struct ls_loop *info,
			 const struct loop_kind **ret_kind);
/* True if the loop has a queue; a closed loop has none. */
bool target__has_queue(const struct target *t, const struct ls_loop *info);

/*
 * Tasks of a loop that its library does not run in machine code: fills in what the kernel side
 * needs to recognize them. 0 (unknown parts stay 0) or -errno.
 */
int target__resolve_tasks(const struct target *t, uint64_t loop, struct ls_loop *info);

/* Words of its runtime; the default ones for NULL and while it has none. */
const struct runtime_words *target__words(const struct target *t);

/* What `loopstall doctor` shows beside what is in struct target. */
struct target_description {
	const char *file; /* that holds the runtime, as the target names it; NULL: unknown */
	bool is_static; /* that is the program itself */
	const char *build; /* words for a build that few have; NULL: the usual one */
	bool switches_stacks; /* a library is loaded with which a step may switch stacks */
	const char *stacks_note; /* says so; NULL if not */
	/* How steps are seen of tasks that the library does not run in machine code. */
	const char *tasks_what, *tasks_word, *tasks_sentence;
	bool has_hidden_tasks; /* those of libraries that the runtime does not know are not seen */
};

void target__describe(const struct target *t, struct target_description *ret_description);

/*
 * Reads `size` bytes of the target's memory: 0 or -errno (-EFAULT for a hole, -ESRCH when it is
 * gone).
 */
int target__read(const struct target *t, uint64_t addr, void *buf, size_t size);

/*
 * Pids whose command line contains `name` (not ours, nor our ancestors'), ascending. 0 or -errno.
 */
int target__find_by_name(const char *name, pid_t **ret_pids, size_t *ret_n);
/* 1 if target__find_by_name() would return it, 0 if not, or -errno. */
int target__has_name(pid_t pid, const char *name);
/* How long ago the process was forked, to some 10 ms. 0 or -errno. */
int target__age_ns(pid_t pid, uint64_t *ret_ns);
/* Children of a process, theirs, and so on, each behind its parent. 0 or -errno. */
int target__find_descendants(pid_t pid, pid_t **ret_pids, size_t *ret_n);
/* Every process that seems to have one of the registered runtimes, ascending. */
int target__find_all(pid_t **ret_pids, size_t *ret_n);
/* 1 if target__find_all() would return it, 0 if not, or -errno. */
int target__has_traces(pid_t pid);

#endif
