/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * target__examine(): who the process is, whether it may be read, and which runtime takes it.
 */
#include "process/target.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "base/array.h"
#include "base/cleanup.h"
#include "base/escape.h"
#include "base/procmem.h"
#include "base/time.h"
#include "base/work.h"
#include "process/elf_head.h"
#include "process/examine.h"
#include "process/known_files.h"
#include "process/target_file.h"
#include "runtime/runtime.h"

/* A usual one takes 10 to 100 ms. */
#define EXAMINE_CPU_NS (300 * NS_PER_MS)

static const char *const rung_words[] = {
#define _(name, word, sentence) word,
	TARGET_RUNGS(_)
#undef _
};

static const char *const rung_sentences[] = {
#define _(name, word, sentence) sentence,
	TARGET_RUNGS(_)
#undef _
};

const char *target_rung_word(enum target_rung rung)
{
	return rung_words[rung];
}

const char *target_rung_sentence(enum target_rung rung)
{
	return rung_sentences[rung];
}

const char *target_loop_kind_word(const struct loop_kind *kind)
{
	return kind ? kind->word : "unknown";
}

enum loop_library target_loop_kind_library(const struct loop_kind *kind)
{
	return kind ? kind->library : LIBRARY_DEFAULT;
}

bool target_loop_kind_is_bare(const struct loop_kind *kind)
{
	return kind && kind->is_bare;
}

bool target_loop_kind_is_by_thread(const struct loop_kind *kind)
{
	return kind && kind->is_by_thread;
}

const struct runtime_words *target__words(const struct target *t)
{
	return t && t->runtime ? t->runtime->words : runtime_words__default();
}

int target__read(const struct target *t, uint64_t addr, void *buf, size_t size)
{
	int r = work_step();

	if (r || !size)
		return r;
	return addr ? procmem__read(t->pid, addr, buf, size) : -EFAULT;
}

/* The runtime did not take the process, or the target goes. */
static void drop_runtime(struct target *t)
{
	if (t->runtime)
		t->runtime->free(t->own);
	t->runtime = NULL;
	t->own = NULL;
}

void target__free(struct target *t)
{
	if (!t)
		return;
	for (size_t i = 0; i < t->n_modules; i++) {
		free(t->modules[i].path);
		free(t->modules[i].host_path);
		free(t->modules[i].spots);
	}
	free(t->modules);
	free(t->cmdline);
	free(t->exe);
	free(t->cgroup);
	drop_runtime(t);
	known_files__free(t->known);
	free(t);
}

static int refuse_access(struct examination *x, int code)
{
	struct proc_status status;
	pid_t pid = x->t->pid;

	if (code == -ENOENT || code == -ESRCH)
		return err__set(x->err, -ESRCH, "process %d has just ended", pid);
	if (code != -EACCES && code != -EPERM)
		return err__set(x->err, code, "cannot read /proc/%d: %s", pid, strerror(-code));
	if (proc_status__read(&status, pid, pid))
		status.uid = 0;
	err__set(x->err, code, "may not read process %d (%s), which belongs to user %u", pid,
		 x->t->comm, status.uid);
	if (!geteuid())
		return err__hint(x->err, code,
				 "CAP_SYS_PTRACE is missing here, or the process is in a user "
				 "namespace or under a security policy that keeps even root out");
	return err__hint(x->err, code,
			 "run as root, or give loopstall the capability CAP_SYS_PTRACE");
}

void exe_text(const struct examination *x, char *buf, size_t size)
{
	static const char note[] = " (deleted)";

	text__escape(x->t->exe, buf, size - sizeof(note));
	if (x->t->is_replaced)
		strcat(buf, note);
}

void note_closed(struct examination *x, const struct map_entry *map, int code)
{
	if (x->closed || !map || (code != -EACCES && code != -EPERM))
		return;
	x->closed = map;
	x->closed_code = code;
}

int refuse_file(struct examination *x)
{
	const int code = x->closed_code;
	char path[160];

	text__escape(x->closed->path, path, sizeof(path));
	err__set(x->err, code, "may not open %s, which process %d (%s) has mapped", path, x->t->pid,
		 x->t->comm);
	if (x->closed->is_deleted)
		return err__hint(x->err, code,
				 "it was replaced or deleted since: restart the process, or run as "
				 "root with CAP_DAC_READ_SEARCH and CAP_CHECKPOINT_RESTORE");
	return err__hint(x->err, code,
			 "it, or a folder on the way, is closed to this user: run as root with "
			 "CAP_DAC_READ_SEARCH, or as the process's user");
}

static int examine_state(struct examination *x)
{
	struct target *t = x->t;
	struct proc_status status;
	struct proc_stat stat;
	int r = t->pid > 0 ? proc_stat__read(&stat, t->pid) : -ENOENT;

	if (r == -ENOENT || r == -ESRCH) {
		err__set(x->err, -ESRCH, "there is no process %d", t->pid);
		return err__hint(x->err, -ESRCH,
				 "`loopstall ls` shows the event loops of this machine");
	}
	if (r)
		return refuse_access(x, r);
	text__escape(stat.comm, t->comm, sizeof(t->comm));
	t->start_time_ticks = stat.start_time_ticks;
	if (stat.state == 'Z' || stat.state == 'X') {
		err__set(x->err, -ESRCH, "process %d (%s) is a zombie: it has ended", t->pid,
			 t->comm);
		return err__hint(x->err, -ESRCH, "its parent, process %d, has not collected it yet",
				 stat.ppid);
	}
	if (stat.is_kernel_thread)
		return err__set(x->err, -ENOEXEC,
				"process %d (%s) is a kernel thread, not a "
				"program",
				t->pid, t->comm);
	r = proc_status__read(&status, t->pid, t->pid);
	if (r)
		return refuse_access(x, r);
	if (status.tgid != t->pid) {
		err__set(x->err, -ESRCH, "%d is a thread, not a process", t->pid);
		return err__hint(x->err, -ESRCH, "it belongs to process %d", status.tgid);
	}
	t->ns_pid = status.ns_pid ? status.ns_pid : t->pid;
	return 0;
}

enum namespace { NAMESPACE_UNKNOWN, NAMESPACE_SAME, NAMESPACE_OTHER };

static enum namespace namespace_of(pid_t pid, const char *name)
{
	_cleanup_free_ char *ours = NULL, *theirs = NULL;

	if (proc_readlink(getpid(), name, &ours) || proc_readlink(pid, name, &theirs))
		return NAMESPACE_UNKNOWN;
	return strcmp(ours, theirs) ? NAMESPACE_OTHER : NAMESPACE_SAME;
}

/* A service of systemd may have mounts of its own over the root that all others have. */
static bool has_other_root(pid_t pid)
{
	struct stat ours, theirs;
	char path[32];

	snprintf(path, sizeof(path), "/proc/%d/root", pid);
	if (stat("/", &ours) || stat(path, &theirs))
		return false;
	return ours.st_dev != theirs.st_dev || ours.st_ino != theirs.st_ino;
}

/* Missing facts about the container are no failure. */
static int examine_container(struct examination *x)
{
	_cleanup_free_ char *text = NULL;
	struct target *t = x->t;
	const enum namespace pids = namespace_of(t->pid, "ns/pid");
	const char *cgroup;

	t->shares_pids = pids == NAMESPACE_SAME;
	t->is_container = pids == NAMESPACE_OTHER ||
		namespace_of(t->pid, "ns/user") == NAMESPACE_OTHER ||
		(namespace_of(t->pid, "ns/mnt") == NAMESPACE_OTHER && has_other_root(t->pid));
	if (proc_read(t->pid, "cgroup", &text, NULL))
		return 0;
	cgroup = proc_cgroup__parse(text);
	if (!cgroup)
		return 0;
	t->cgroup = strdup(cgroup);
	return t->cgroup ? 0 : -ENOMEM;
}

static int examine_names(struct examination *x)
{
	struct target *t = x->t;
	int r = proc_exe(t->pid, &t->exe, &t->is_replaced);

	if (r)
		return refuse_access(x, r);
	r = proc_cmdline(t->pid, &t->cmdline);
	return r ? refuse_access(x, r) : examine_container(x);
}

static bool has_ended(pid_t pid)
{
	struct proc_stat stat;

	return proc_stat__read(&stat, pid) || stat.state == 'Z' || stat.state == 'X';
}

#define MAPS_TRIES 20
#define MAPS_PAUSE_NS NS_PER_MS

/* A process that is just executing another program has no file mapped for a moment. */
static int examine_maps(struct examination *x)
{
	pid_t pid = x->t->pid;

	for (int i = 0; i < MAPS_TRIES; i++) {
		int r = maps__read(&x->maps, pid);

		if (r)
			return refuse_access(x, r);
		if (x->maps->n)
			return 0;
		maps__free(TAKE_PTR(x->maps));
		if (has_ended(pid))
			return refuse_access(x, -ESRCH);
		nanosleep(&(struct timespec){ .tv_nsec = MAPS_PAUSE_NS }, NULL);
	}
	return err__set(x->err, -ENOEXEC, "process %d (%s) has no program mapped", pid, x->t->comm);
}

static int examine_class(struct examination *x)
{
	_cleanup_fd_ int fd = -1;
	char exe[160];
	uint16_t machine;
	int bits;

	fd = target_open_link(x->t->pid, "exe");
	if (fd < 0)
		return refuse_access(x, fd);
	if (elf_class_of(fd, &bits, &machine))
		return 0;
	exe_text(x, exe, sizeof(exe));
	if (bits == 32)
		return err__set(
			x->err, -ENOEXEC,
			"process %d runs %s, a 32-bit program: only 64-bit ones can be examined",
			x->t->pid, exe);
	if (machine != arch.elf_machine)
		return err__set(x->err, -ENOEXEC, "process %d runs %s, which is not built for %s",
				x->t->pid, exe, arch.name);
	return 0;
}

/* Tried here so that a missing privilege is reported as such and not by a runtime. */
static int examine_memory(struct examination *x)
{
	uint8_t byte;
	int r = target__read(x->t, x->maps->entries[0].start, &byte, 1);

	return r == -EACCES || r == -EPERM || r == -ESRCH ? refuse_access(x, r) : 0;
}

/* "TITLE or TITLE" */
static void list_titles(const struct runtime_ops *const *all, char *buf, size_t size)
{
	size_t used = 0;

	*buf = '\0';
	for (size_t i = 0; all[i] && used < size; i++)
		used += (size_t)snprintf(buf + used, size - used, "%s%s", i ? " or " : "",
					 all[i]->words->title);
}

static int refuse_runtime(struct examination *x)
{
	char exe[160], titles[80];

	exe_text(x, exe, sizeof(exe));
	list_titles(x->runtimes, titles, sizeof(titles));
	err__set(x->err, -ENOEXEC, "process %d runs %s, which holds no %s", x->t->pid, exe, titles);
	return err__hint(x->err, -ENOEXEC, "`loopstall ls` shows the event loops of this machine");
}

static int examine_runtime(struct examination *x)
{
	struct target *t = x->t;

	for (size_t i = 0; x->runtimes[i]; i++) {
		int r;

		t->runtime = x->runtimes[i];
		r = t->runtime->examine(x);
		if (r != -ENOENT)
			return r;
		drop_runtime(t);
		module_file__done(&x->core);
	}
	return refuse_runtime(x);
}

bool target__is_current(struct target *t)
{
	_cleanup_(maps__freep) struct maps *maps = NULL;
	uint64_t pages;

	if (!t->is_up || proc_vm_pages(t->pid, &pages))
		return false;
	if (pages == t->vm_pages)
		return true;
	if (maps__read(&maps, t->pid) || maps__stamp(maps) != t->files_stamp)
		return false;
	t->vm_pages = pages;
	return true;
}

static void examination__done(struct examination *x)
{
	maps__free(x->maps);
	module_file__done(&x->core);
}

/* The files or the memory made it take too long. It counts more than what was found by then. */
static int refuse_work(struct examination *x, int code)
{
	static const char limit[] =
		"more than 300 ms of CPU time is needed for its files and memory";

	return err__set(x->err, code, "process %d (%s) is not examined: %s", x->t->pid, x->t->comm,
			code == -ETIME ? limit :
				code == -EFBIG ?
					 "one of its files needs more than 64 MiB of memory" :
					 "a signal ends this program");
}

static int examine(struct target *t, const struct target_context *context, struct err *err)
{
	static int (*const parts[])(struct examination *) = {
		examine_state, examine_names,  examine_maps,
		examine_class, examine_memory, examine_runtime,
	};
	_cleanup_(examination__done) struct examination x = {
		.t = t,
		.err = err,
		.runtimes = context->runtimes ?: runtimes,
		.is_without_spots = context->is_without_spots,
	};
	bool is_complete;
	int r = 0, cut;

	/* Before the maps: a library that is loaded meanwhile is found by the next look. */
	if (proc_vm_pages(t->pid, &t->vm_pages))
		t->vm_pages = 0;
	work_begin(EXAMINE_CPU_NS);
	for (size_t i = 0; !r && i < N_OF(parts); i++)
		r = parts[i](&x);
	is_complete = r || examine_trace(&x);
	cut = work_end();
	if (cut)
		return refuse_work(&x, cut);
	if (r)
		return r;
	t->files_stamp = is_complete ? maps__stamp(x.maps) : 0;
	t->proc.runtime = (uint8_t)t->runtime->id;
	t->proc.is_light = t->has_loops && t->rung == TARGET_RUNG_NONE;
	/* While the library is being loaded there is nothing to be found. */
	if (t->is_up && t->has_loops)
		target__find_running_task(t);
	return 0;
}

static int examine_new(struct target **ret_target, pid_t pid, const struct target_context *context,
		       struct err *err)
{
	static const struct target_context none = { .relative = NULL };
	const struct target_context *c = context ? context : &none;
	_cleanup_(target__freep) struct target *t = calloc(1, sizeof(*t));
	int r = 0;

	if (!t)
		return -ENOMEM;
	t->pid = pid;
	t->rung = TARGET_RUNG_NONE;
	if (c->relative)
		t->known = known_files__share(c->relative->known);
	else
		r = known_files__new(&t->known);
	if (r)
		return r;
	known_files__on_search(t->known, c->on_search, c->ctx);
	r = examine(t, c, err);
	known_files__on_search(t->known, NULL, NULL);
	if (r)
		return r;
	*ret_target = TAKE_PTR(t);
	return 0;
}

/* Every failure has a text: those of a single allocation or system call get it here. */
int target__examine(struct target **ret_target, pid_t pid, const struct target_context *context,
		    struct err *err)
{
	int r = examine_new(ret_target, pid, context, err);

	if (!r || !err || *err->what)
		return r;
	return err__set(err, r, "process %d cannot be examined: %s", pid, strerror(-r));
}
