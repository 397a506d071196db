/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * See loader.h. libbpf loads one program after the other and asks a handler before each. Ours gives
 * a large program to a thread and has libbpf load an empty one, whose descriptor then becomes the
 * large one's.
 */
#include "probe/loader.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysinfo.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "arch/arch.h"
#include "base/array.h"
#include "base/cleanup.h"
#include "base/thread.h"
#include "probe/kernel_log.h"
#include "probe/null_program.h"

#define LOG_BYTES (1U << 20)

static const struct large {
	const char *section;
	enum bpf_prog_type type;
	enum bpf_attach_type attach_type;
	const char *target; /* in the kernel; NULL: none */
} large[] = {
	{ "uprobe", BPF_PROG_TYPE_KPROBE, 0, NULL },
	{ "iter/bpf_map_elem", BPF_PROG_TYPE_TRACING, BPF_TRACE_ITER, "bpf_map_elem" },
	{ "tp_btf/sched_switch", BPF_PROG_TYPE_TRACING, BPF_TRACE_RAW_TP, "sched_switch" },
};

/* A program in its thread. The copies are its own: libbpf frees its own when another one fails. */
struct job {
	struct bpf_program *prog; /* NULL: libbpf loads it */
	pthread_t thread;
	struct bpf_prog_load_opts opts;
	struct bpf_insn *insns;
	size_t n_insns;
	void *func_info, *line_info;
	int fd; /* or -errno */
};

/* libbpf's handlers are the process's, and know nothing of who loads. */
static struct job jobs[N_OF(large)];

static int job_load(struct job *j)
{
	return bpf_prog_load(bpf_program__type(j->prog), bpf_program__name(j->prog),
			     NULL_PROGRAM_LICENSE, j->insns, j->n_insns, &j->opts);
}

static void *run(void *ctx)
{
	struct job *j = ctx;

	j->fd = job_load(j);
	return NULL;
}

/* Once more, with what the verifier has to say. */
static void job_explain(struct job *j)
{
	_cleanup_free_ char *text = calloc(1, LOG_BYTES);

	if (!text)
		return;
	j->opts.log_level = 1;
	j->opts.log_buf = text;
	j->opts.log_size = LOG_BYTES;
	fd_close(&(int){ job_load(j) });
	kernel_log__text(text);
}

static void job_free(struct job *j)
{
	free(j->insns);
	free(j->func_info);
	free(j->line_info);
	*j = (struct job){ 0 };
}

static void *copy_of(const void *data, size_t bytes)
{
	void *copy = malloc(bytes ? bytes : 1);

	return copy && bytes ? memcpy(copy, data, bytes) : copy;
}

static int job_copy(struct job *j, const struct bpf_program *prog,
		    const struct bpf_prog_load_opts *opts)
{
	j->opts = *opts;
	j->n_insns = bpf_program__insn_cnt(prog);
	j->insns = copy_of(bpf_program__insns(prog), j->n_insns * sizeof(*j->insns));
	j->func_info = copy_of(opts->func_info, opts->func_info_cnt * opts->func_info_rec_size);
	j->line_info = copy_of(opts->line_info, opts->line_info_cnt * opts->line_info_rec_size);
	j->opts.func_info = j->func_info;
	j->opts.line_info = j->line_info;
	return j->insns && j->func_info && j->line_info ? 0 : -ENOMEM;
}

/* Where no thread can be had, or has no CPU of its own, the program is loaded in its turn. */
static int prepare_load(struct bpf_program *prog, struct bpf_prog_load_opts *opts, long i)
{
	struct job *j = &jobs[i];
	int r;

	if (!arch.loads_side_by_side || get_nprocs() < 2)
		return 0;
	r = job_copy(j, prog, opts);
	j->prog = prog;
	if (r || thread_start(&j->thread, run, j)) {
		job_free(j);
		return r;
	}
	opts->func_info_cnt = 0;
	opts->line_info_cnt = 0;
	return bpf_program__set_insns(prog, (struct bpf_insn *)null_program_insns,
				      NULL_PROGRAM_INSNS);
}

static int attach(const struct bpf_program *prog, long i, struct bpf_link **ret_link)
{
	(void)i;
	*ret_link = bpf_program__attach_trace(prog);
	return *ret_link ? 0 : -errno;
}

int loader__init(void)
{
	static bool is_done;

	for (size_t i = 0; i < N_OF(large) && !is_done; i++) {
		LIBBPF_OPTS(libbpf_prog_handler_opts, opts, .cookie = (long)i,
			    .prog_prepare_load_fn = prepare_load, .prog_attach_fn = attach);
		const int r = libbpf_register_prog_handler(large[i].section, large[i].type,
							   large[i].attach_type, &opts);

		if (r < 0)
			return r;
	}
	is_done = true;
	return 0;
}

static int set_targets(const struct loopstall_bpf *skel)
{
	struct bpf_program *prog;
	int r = 0;

	bpf_object__for_each_program(
		prog,
		skel->obj) for (size_t i = 0; i < N_OF(large) && !r;
				i++) if (large[i].target &&
					 !strcmp(bpf_program__section_name(prog), large[i].section))
		r = bpf_program__set_attach_target(prog, 0, large[i].target);
	return r;
}

/* `r`: of the programs before it. */
static int job_join(struct job *j, int r)
{
	_cleanup_fd_ int fd = -1;

	if (!j->prog)
		return r;
	pthread_join(j->thread, NULL);
	if (!r && j->fd < 0) {
		r = j->fd;
		job_explain(j);
	}
	fd = j->fd;
	if (!r && dup3(fd, bpf_program__fd(j->prog), O_CLOEXEC) < 0)
		r = -errno;
	job_free(j);
	return r;
}

int loader__load(struct loopstall_bpf *skel)
{
	int r = set_targets(skel);

	if (!r)
		r = loopstall_bpf__load(skel);
	for (size_t i = 0; i < N_OF(large); i++)
		r = job_join(&jobs[i], r);
	return r;
}
