/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * empty_probes PID: puts empty programs where loopstall puts its own, says "ready SPOTS" and stays
 * until its stdin closes; then says "ran NS", the time its programs took, if the kernel accounts
 * for it. Spots and attaching are loopstall's own code, so that both sit at the same places.
 *
 * empty_probes stats: makes the kernel account for the time of all programs until stdin closes.
 *
 * empty_probes spots PID: says where loopstall would put its step probes, for whoever wants to
 * write his own: a line "entry|exit ADDRESS FILE" for each, and ends.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "empty.skel.h"

#include "base/cleanup.h"
#include "probe/uprobes.h"
#include "process/target.h"

#define MAX_MODULES 16

struct empty_probes {
	struct empty_bpf *skel;
	size_t n_uprobes;
	struct uprobes uprobes[MAX_MODULES];
};

static int silent(enum libbpf_print_level level, const char *fmt, va_list args)
{
	(void)level;
	(void)fmt;
	(void)args;
	return 0;
}

static int fail(const char *what, int code)
{
	fprintf(stderr, "empty_probes: %s: %s\n", what, strerror(-code));
	return code;
}

static void empty_probes__done(struct empty_probes *e)
{
	for (size_t i = 0; i < e->n_uprobes; i++)
		uprobes__done(&e->uprobes[i]);
	empty_bpf__destroy(e->skel);
}

static int load(struct empty_probes *e, bool use_multi)
{
	int code;

	e->skel = empty_bpf__open();
	if (!e->skel)
		return fail("cannot open the programs", -errno);
	if (use_multi)
		bpf_program__set_expected_attach_type(e->skel->progs.empty_spot,
						      UPROBE_MULTI_ATTACH_TYPE);
	code = empty_bpf__load(e->skel);
	return code ? fail("cannot load the programs", code) : 0;
}

static int attach_system(struct empty_probes *e)
{
	const struct {
		struct bpf_program *prog;
		struct bpf_link **link;
	} system[] = {
		{ e->skel->progs.empty_switch, &e->skel->links.empty_switch },
		{ e->skel->progs.empty_wakeup, &e->skel->links.empty_wakeup },
		{ e->skel->progs.empty_exit, &e->skel->links.empty_exit },
		{ e->skel->progs.empty_exec, &e->skel->links.empty_exec },
	};

	for (size_t i = 0; i < sizeof(system) / sizeof(system[0]); i++) {
		*system[i].link = bpf_program__attach(system[i].prog);
		if (!*system[i].link)
			return fail("cannot attach to the scheduler's tracepoints", -errno);
	}
	return 0;
}

/* Returns the number of spots or -errno. */
static int attach_target(struct empty_probes *e, const struct target *t, bool use_multi)
{
	int n_spots = 0, code;

	if (t->n_modules > MAX_MODULES)
		return fail("too many modules", -E2BIG);
	for (size_t i = 0; i < t->n_modules; i++) {
		code = uprobes__attach(&e->uprobes[e->n_uprobes++], e->skel->progs.empty_spot,
				       use_multi, t->pid, &t->modules[i]);
		if (code)
			return fail("cannot put probes on the target", code);
		n_spots += t->modules[i].n_spots;
	}
	return n_spots;
}

static void wait_for_end_of_stdin(void)
{
	char byte;

	while (read(STDIN_FILENO, &byte, 1) > 0)
		;
}

static uint64_t run_time_ns(const struct empty_probes *e)
{
	uint64_t total_ns = 0;
	struct bpf_program *prog;

	bpf_object__for_each_program(prog, e->skel->obj)
	{
		struct bpf_prog_info info = {};
		__u32 size = sizeof(info);

		if (!bpf_obj_get_info_by_fd(bpf_program__fd(prog), &info, &size))
			total_ns += info.run_time_ns;
	}
	return total_ns;
}

static int account(void)
{
	_cleanup_fd_ int fd = bpf_enable_stats(BPF_STATS_RUN_TIME);

	if (fd < 0)
		return fail("the kernel does not account for programs", fd);
	puts("ready");
	fflush(stdout);
	wait_for_end_of_stdin();
	return 0;
}

static int run(pid_t pid)
{
	_cleanup_(empty_probes__done) struct empty_probes e = { 0 };
	_cleanup_(target__freep) struct target *t = NULL;
	const bool use_multi = !uprobes__try_multi();
	struct err err = {};
	int code, n_spots;

	code = target__examine(&t, pid, NULL, &err);
	if (code)
		return fail(err.what, code);
	code = load(&e, use_multi);
	if (!code)
		code = attach_system(&e);
	if (code)
		return code;
	n_spots = attach_target(&e, t, use_multi);
	if (n_spots < 0)
		return n_spots;
	printf("ready %d\n", n_spots);
	fflush(stdout);
	wait_for_end_of_stdin();
	printf("ran %" PRIu64 "\n", run_time_ns(&e));
	return 0;
}

static int tell_spots(pid_t pid)
{
	_cleanup_(target__freep) struct target *t = NULL;
	struct err err = {};
	int code = target__examine(&t, pid, NULL, &err);

	if (code)
		return fail(err.what, code);
	for (size_t i = 0; i < t->n_modules; i++) {
		const struct target_module *m = &t->modules[i];

		for (size_t k = 0; k < m->n_spots; k++) {
			const struct target_spot *spot = &m->spots[k];

			if (spot->kind == LS_SPOT_STEP_ENTER || spot->kind == LS_SPOT_STEP_EXIT)
				printf("%s 0x%" PRIx64 " %s\n",
				       spot->kind == LS_SPOT_STEP_ENTER ? "entry" : "exit",
				       spot->vaddr, m->host_path);
		}
	}
	return 0;
}

int main(int argc, char **argv)
{
	libbpf_set_print(silent);
	if (argc == 2 && !strcmp(argv[1], "stats"))
		return account() ? 1 : 0;
	if (argc == 3 && !strcmp(argv[1], "spots"))
		return tell_spots(atoi(argv[2])) ? 1 : 0;
	if (argc != 2) {
		fputs("usage: empty_probes PID | stats | spots PID\n", stderr);
		return 2;
	}
	return run(atoi(argv[1])) ? 1 : 0;
}
