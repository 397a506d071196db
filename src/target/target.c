/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * target__examine(): who the process is and whether it may be read. The interpreter is found in
 * interpreter.c, the places for probes in modules.c.
 */
#include "target/target.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/cleanup.h"
#include "base/escape.h"
#include "target/examine.h"
#include "target/known_files.h"

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

static const char *const sends_words[] = {
#define _(name, word, sentence) word,
	TARGET_SENDS(_)
#undef _
};

static const char *const sends_sentences[] = {
#define _(name, word, sentence) sentence,
	TARGET_SENDS(_)
#undef _
};

const char *target_sends_word(enum target_sends sends)
{
	return sends_words[sends];
}

const char *target_sends_sentence(enum target_sends sends)
{
	return sends_sentences[sends];
}

const char *target_rung_word(enum target_rung rung)
{
	return rung_words[rung];
}

const char *target_rung_sentence(enum target_rung rung)
{
	return rung_sentences[rung];
}

const char *target_loop_kind_word(enum target_loop_kind kind)
{
	switch (kind) {
	case TARGET_LOOP_ASYNCIO:
		return "asyncio";
	case TARGET_LOOP_UVLOOP:
		return "uvloop";
	case TARGET_LOOP_TRIO:
		return "trio";
	case TARGET_LOOP_UNKNOWN:
		break;
	}
	return "unknown";
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
	free(t->core_path);
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
				 "CAP_SYS_PTRACE is missing here, or the process is in a user namespace "
				 "or under a security policy that keeps even root out");
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
				 "it was replaced or deleted since: restart the process, or run as root "
				 "with CAP_DAC_READ_SEARCH and CAP_CHECKPOINT_RESTORE");
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
				"process %d (%s) is a kernel thread, not a Python", t->pid, t->comm);
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

static bool other_namespace(pid_t pid, const char *name)
{
	_cleanup_free_ char *ours = NULL, *theirs = NULL;

	return !proc_readlink(getpid(), name, &ours) && !proc_readlink(pid, name, &theirs) &&
		strcmp(ours, theirs) != 0;
}

/* What is not known of it is no failure. */
static int examine_container(struct examination *x)
{
	_cleanup_free_ char *text = NULL;
	struct target *t = x->t;
	const char *cgroup;

	t->is_container = other_namespace(t->pid, "ns/mnt") || other_namespace(t->pid, "ns/pid") ||
		other_namespace(t->pid, "ns/user");
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
#define MAPS_PAUSE_NS 1000000

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
	char path[32], exe[160];
	uint16_t machine;
	int bits;

	snprintf(path, sizeof(path), "/proc/%d/exe", x->t->pid);
	fd = open_regular(path);
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

/* A read that fails here is told apart from a damaged interpreter later. */
static int examine_memory(struct examination *x)
{
	uint8_t byte;
	int r = target__read(x->t, x->maps->entries[0].start, &byte, 1);

	return r == -EACCES || r == -EPERM || r == -ESRCH ? refuse_access(x, r) : 0;
}

bool target__is_current(const struct target *t)
{
	_cleanup_(maps__freep) struct maps *maps = NULL;

	return t->interp && t->proc.gil && !maps__read(&maps, t->pid) &&
	       maps__stamp(maps) == t->files_stamp;
}

static int examine(struct target *t, struct err *err)
{
	static int (*const parts[])(struct examination *) = {
		examine_state,	examine_names,	     examine_maps,    examine_class,
		examine_memory, examine_interpreter, examine_modules,
	};
	_cleanup_(maps__freep) struct maps *maps = NULL;
	_cleanup_(module_file__done) struct module_file core = { 0 };
	struct examination x = { .t = t, .err = err };
	int r = 0;

	for (size_t i = 0; !r && i < sizeof(parts) / sizeof(*parts); i++)
		r = parts[i](&x);
	maps = x.maps;
	core = x.core;
	if (r)
		return r;
	t->files_stamp = maps__stamp(maps);
	t->proc.is_light = t->has_asyncio && t->rung == TARGET_RUNG_NONE;
	/* While asyncio is being imported there is nothing to be found. */
	if (t->interp && t->has_asyncio)
		target__find_current_tasks(t);
	return 0;
}

int target__examine(struct target **ret_target, pid_t pid, const struct target_context *context, struct err *err)
{
	static const struct target_context none = { .relative = NULL };
	const struct target_context *c = context ? context : &none;
	_cleanup_(target__freep) struct target *t = calloc(1, sizeof(*t));
	int r = 0;

	if (!t)
		return -ENOMEM;
	t->pid = pid;
	t->rung = TARGET_RUNG_NONE;
	t->sends = TARGET_SENDS_NONE;
	if (c->relative)
		t->known = known_files__share(c->relative->known);
	else
		r = known_files__new(&t->known);
	if (r)
		return r;
	known_files__on_search(t->known, c->on_search, c->ctx);
	r = examine(t, err);
	known_files__on_search(t->known, NULL, NULL);
	if (r)
		return r;
	*ret_target = TAKE_PTR(t);
	return 0;
}
