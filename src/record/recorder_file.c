/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A recorder's files. Each can be read alone: a file that follows another begins with all answers
 * given so far and with all current readings, followed by a reset, which makes them the base of
 * this file's counts.
 */
#include "base/array.h"
#include "record/recorder_impl.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/file.h"

#define MAX_KEEP 999

void known__free(struct known *k)
{
	if (!k)
		return;
	slots__free(k->names);
	slots__free(k->frames);
	slots__free(k->coroutine_slots);
	slots__free(k->thread_slots);
	slots__free(k->loop_slots);
	slots__free(k->task_index);
	ring__done(&k->coroutines);
	ring__done(&k->threads);
	ring__done(&k->loops);
	task_list__done(&k->tasks);
	free(k->live);
	free(k);
}

int known__new(struct known **ret_known)
{
	struct known *k = calloc(1, sizeof(*k));
	const struct {
		struct slots **slots;
		size_t max;
	} tables[] = {
		{ &k->names, FORMAT_MAX_STRINGS },
		{ &k->frames, FORMAT_MAX_FRAMES },
		{ &k->coroutine_slots, FORMAT_MAX_COROUTINES },
		{ &k->thread_slots, FORMAT_MAX_THREADS },
		{ &k->loop_slots, FORMAT_MAX_THREADS },
		{ &k->task_index, FORMAT_MAX_TASKS },
	};
	int r = 0;

	if (!k)
		return -ENOMEM;
	for (size_t i = 0; r >= 0 && i < N_OF(tables); i++)
		r = slots__new(tables[i].slots, tables[i].max);
	if (r < 0) {
		known__free(k);
		return r;
	}
	ring__init(&k->coroutines, sizeof(struct coroutine_input), FORMAT_MAX_COROUTINES);
	ring__init(&k->threads, sizeof(struct thread_input), FORMAT_MAX_THREADS);
	ring__init(&k->loops, sizeof(struct loop_input), FORMAT_MAX_THREADS);
	*ret_known = k;
	return 0;
}

void recorder__put_body(const struct meta *meta, struct buffer *b)
{
	const struct shape shape = shape_own();

	shape__put(&shape, b);
	buffer__varint(b, meta->n);
	for (size_t i = 0; i < meta->n; i++) {
		buffer__text(b, meta->pairs[i].key);
		buffer__text(b, meta->pairs[i].value);
	}
}

int recorder__create(struct recorder *rec)
{
	int fd;

	if (rec->opts.ring_ns)
		return recorder__create_segment(rec);
	fd = file__create(rec->path, rec->opts.may_replace && rec->files == 0);
	if (fd < 0)
		return fd;
	rec->fd = fd;
	rec->files++;
	return 0;
}

int recorder__write_head(struct recorder *rec)
{
	_cleanup_(buffer__done) struct buffer body = {};

	if (rec->fd < 0)
		return 0;
	recorder__put_body(&rec->meta, &body);
	return chunk_writer__begin(&rec->out, TAKE_FD(rec->fd), FORMAT_VERSION_PLAIN, &body);
}

/* "PATH.3"; PATH itself for 0. */
static int path_of(const struct recorder *rec, unsigned int age, char path[PATH_MAX])
{
	const int n = age ? snprintf(path, PATH_MAX, "%s.%u", rec->path, age) :
			    snprintf(path, PATH_MAX, "%s", rec->path);

	return n < PATH_MAX ? 0 : -ENAMETOOLONG;
}

/* Renames each file to the next number. Only names that this recorder created are replaced. */
static int age_files(const struct recorder *rec)
{
	const unsigned int oldest = rec->files < rec->opts.keep ? rec->files : rec->opts.keep;
	char from[PATH_MAX], to[PATH_MAX];
	int r = 0;

	for (unsigned int age = oldest; r >= 0 && age > 0; age--) {
		const bool may_replace = rec->opts.may_replace || age < rec->files;

		r = path_of(rec, age - 1, from);
		if (r >= 0)
			r = path_of(rec, age, to);
		if (r >= 0 &&
		    renameat2(AT_FDCWD, from, AT_FDCWD, to, may_replace ? 0 : RENAME_NOREPLACE) < 0)
			r = -errno;
	}
	return r;
}

/*
 * Starts with an empty `known`, because the reader of a new file knows nothing. Returns the old
 * one.
 */
static int begin_anew(struct recorder *rec, struct known **ret_old)
{
	struct known *fresh;
	int r = known__new(&fresh);

	if (r < 0)
		return r;
	*ret_old = rec->known;
	rec->known = fresh;
	return 0;
}

/* Slots below ring__count() exist, so these are not NULL. */
static int retell_thread(struct recorder *rec, uint64_t at_ns, const struct thread_input *t)
{
	if (recorder__has_ended(rec, t->pid, t->tid))
		return 0;
	return recorder__thread(rec, at_ns, t->pid, t->tid, &t->stats);
}

static int retell_loop(struct recorder *rec, uint64_t at_ns, const struct loop_input *l)
{
	if (recorder__has_ended(rec, l->pid, l->tid))
		return 0;
	return recorder__loop(rec, at_ns, l->pid, l->tid, &l->info);
}

static int retell_coroutine(struct recorder *rec, uint64_t at_ns, const struct coroutine_input *c)
{
	const struct resolver resolver = recorder__resolver(rec);
	struct code_info info;

	if (recorder__has_ended(rec, c->key.tgid, c->key.tid))
		return 0;
	/* The model asked for the name at the first reading, possibly in an older file. */
	if (c->key.code)
		resolver.ops->code(resolver.ctx, c->key.tgid, c->key.code, c->stats.qualname,
				   &info);
	return recorder__coroutine(rec, at_ns, &c->key, &c->stats);
}

static int retell_readings(struct recorder *rec, struct known *old, uint64_t at_ns)
{
	int r = 0;

	for (size_t i = 0; r >= 0 && i < slots__count(old->thread_slots); i++)
		r = retell_thread(rec, at_ns, ring__at(&old->threads, i));
	for (size_t i = 0; r >= 0 && i < slots__count(old->coroutine_slots); i++)
		r = retell_coroutine(rec, at_ns, ring__at(&old->coroutines, i));
	for (size_t i = 0; r >= 0 && i < old->n_losses; i++)
		r = recorder__loss(rec, at_ns, old->losses[i].name, old->losses[i].sentence,
				   old->losses[i].count);
	return r;
}

/*
 * State that replaces its predecessor (loops, tasks, losses) is written after the reset, as it is
 * now.
 */
static int retell_state(struct recorder *rec, struct known *old, uint64_t at_ns)
{
	_cleanup_free_ struct model_task *tasks = task_list__plain(&old->tasks);
	_cleanup_free_ struct model_live *live = calloc(old->n_live + 1, sizeof(*live));
	int r = 0;

	if (!tasks || !live)
		return -ENOMEM;
	for (size_t i = 0; i < old->n_live; i++) {
		live[i] = old->live[i].live;
		live[i].frames = old->live[i].frames;
		live[i].holder_frames = old->live[i].holder_frames;
	}
	for (size_t i = 0; r >= 0 && i < slots__count(old->loop_slots); i++)
		r = retell_loop(rec, at_ns, ring__at(&old->loops, i));
	if (r >= 0 && old->tasks_ns)
		r = recorder__tasks(rec, old->tasks_ns, tasks, old->tasks.n, old->tasks_alive);
	return r < 0 ? r : recorder__live(rec, at_ns, live, old->n_live);
}

static int retell(struct recorder *rec, struct known *old)
{
	const uint64_t at_ns = rec->last_at_ns;
	int r;

	if (rec->opts.ring_ns) {
		buffer__varint(&rec->out.raw, FORMAT_ANEW);
		buffer__varint(&rec->out.raw, FORMAT_FORGET);
	}
	r = recorder__forget_answers(rec);
	if (r >= 0)
		r = recorder__retell_answers(rec);
	if (r >= 0)
		r = retell_readings(rec, old, at_ns);
	if (r >= 0)
		r = recorder__reset(rec, at_ns);
	if (r >= 0)
		r = retell_state(rec, old, at_ns);
	recorder__forget_ends(rec);
	if (rec->opts.ring_ns)
		buffer__varint(&rec->out.raw, FORMAT_ANEW_END);
	return r;
}

static int end_file(struct recorder *rec)
{
	const uint64_t bytes = rec->out.file_bytes;
	int r = chunk_writer__end(&rec->out);

	rec->closed_bytes += r < 0 ? bytes : rec->out.file_bytes;
	rec->out.file_bytes = 0;
	if (r < 0)
		return r;
	return rec->opts.keep ? age_files(rec) : -EFBIG;
}

static int begin_next(struct recorder *rec)
{
	struct known *old;
	int r = rec->opts.ring_ns ? recorder__end_segment(rec) : end_file(rec);

	if (r >= 0)
		r = recorder__create(rec);
	if (r >= 0)
		r = begin_anew(rec, &old);
	if (r < 0)
		return r;
	rec->is_beginning = true;
	r = retell(rec, old);
	rec->is_beginning = false;
	rec->head_bytes = rec->out.file_bytes;
	known__free(old);
	return r;
}

int recorder__rotate_if_full(struct recorder *rec)
{
	const uint64_t limit = rec->opts.max_bytes;

	if (rec->opts.ring_ns) {
		recorder__trim_ring(rec);
		return recorder__is_segment_full(rec) ? begin_next(rec) : 0;
	}
	if (limit == 0 || rec->is_beginning || rec->out.file_bytes + 2 * rec->soft_bytes < limit)
		return 0;
	/* The state at the start of a file may take most of the limit. */
	if (rec->out.file_bytes - rec->head_bytes < limit / 4)
		return 0;
	return begin_next(rec);
}

static int check_opts(const struct recorder_opts *opts, struct err *err)
{
	const unsigned int min = opts->ring_ns ? RECORDER_MIN_RING_BYTES : RECORDER_MIN_BYTES;

	if ((opts->max_bytes || opts->ring_ns) && opts->max_bytes < min) {
		err__set(err, -EINVAL,
			 "a recording of at most %llu bytes is too small to be of use",
			 (unsigned long long)opts->max_bytes);
		return err__hint(err, -EINVAL, "give it %u KiB or more", min >> 10);
	}
	if (opts->keep > MAX_KEEP)
		return err__set(err, -EINVAL, "%u older files are too many: at most %d", opts->keep,
				MAX_KEEP);
	return 0;
}

/* Looks for existing files that rotation would have to overwrite. */
static int check_older(const struct recorder *rec, struct err *err)
{
	char path[PATH_MAX];
	int r = 0;

	if (!rec->opts.max_bytes || rec->opts.may_replace || rec->opts.ring_ns)
		return 0;
	for (unsigned int age = 1; r >= 0 && age <= rec->opts.keep; age++) {
		r = path_of(rec, age, path);
		if (r >= 0 && faccessat(AT_FDCWD, path, F_OK, AT_SYMLINK_NOFOLLOW) == 0)
			r = -EEXIST;
	}
	if (r >= 0)
		return 0;
	err__set(err, r, "cannot keep older parts as %s: %s", path, strerror(-r));
	return err__hint(err, r, "move it away or record to another name");
}

static int recorder__init(struct recorder *rec, const struct meta *meta)
{
	const uint64_t part = rec->opts.max_bytes / 16;
	int r;

	/*
	 * Chunks are small compared with the file, so that the last one leaves little room unused.
	 */
	rec->soft_bytes = FORMAT_SOFT_RAW_BYTES;
	if (part && part < rec->soft_bytes)
		rec->soft_bytes = part;
	/* Starts at 1: an answer that was never asked for has 0. */
	rec->question = 1;
	r = chunk_writer__init(&rec->out);
	if (r >= 0)
		r = meta__copy(&rec->meta, meta);
	/* Half of the reader's limit: files written here always fit. */
	if (r >= 0)
		r = strings__new(&rec->pool, FORMAT_MAX_POOL_BYTES / 2);
	if (r >= 0)
		r = answers__new(&rec->answers, FORMAT_MAX_ANSWERS);
	return r < 0 ? r : known__new(&rec->known);
}

int recorder__new(struct recorder **ret_recorder, const struct recorder_opts *opts,
		  const struct meta *meta, const struct resolver *inner, struct err *err)
{
	_cleanup_(recorder__freep) struct recorder *rec = NULL;
	int r = check_opts(opts, err);

	if (r < 0)
		return r;
	rec = calloc(1, sizeof(*rec));
	if (!rec)
		return err__set(err, -ENOMEM, "out of memory");
	rec->out.fd = rec->fd = -1;
	rec->opts = *opts;
	rec->inner = *inner;
	rec->path = strdup(opts->path ?: "the ring");
	if (!rec->path || recorder__init(rec, meta) < 0)
		return err__set(err, -ENOMEM, "out of memory");
	r = check_older(rec, err);
	if (r < 0)
		return r;
	r = recorder__create(rec);
	if (r < 0) {
		err__set(err, r, "cannot write %s: %s", rec->path, strerror(-r));
		return r != -EEXIST ? r :
				      err__hint(err, r, "move it away or record to another name");
	}
	*ret_recorder = TAKE_PTR(rec);
	return 0;
}

void recorder__free(struct recorder *rec)
{
	if (!rec)
		return;
	if (rec->error >= 0 && recorder__write_head(rec) >= 0)
		chunk_writer__flush(&rec->out);
	chunk_writer__done(&rec->out);
	fd_close(&rec->fd);
	ring_segments__done(&rec->ring);
	known__free(rec->known);
	answers__free(rec->answers);
	free(rec->ended);
	strings__free(rec->pool);
	meta__done(&rec->meta);
	free(rec->path);
	free(rec);
}

int recorder__close(struct recorder *rec)
{
	int r = rec->error;

	if (r >= 0) {
		r = recorder__write_head(rec);
		if (r >= 0)
			r = chunk_writer__end(&rec->out);
		/* No input may follow. */
		rec->error = r < 0 ? r : -EBADF;
	}
	return r;
}

void recorder__discard(struct recorder *rec)
{
	struct stat ours, there;

	if (rec->fd < 0)
		return;
	rec->error = -ECANCELED;
	/* The name may refer to another file by now. */
	if (fstat(rec->fd, &ours) == 0 && lstat(rec->path, &there) == 0 &&
	    ours.st_dev == there.st_dev && ours.st_ino == there.st_ino)
		unlink(rec->path);
}

int recorder__error(const struct recorder *rec)
{
	return rec->error;
}

uint64_t recorder__bytes(const struct recorder *rec)
{
	return rec->closed_bytes + rec->out.file_bytes;
}

unsigned int recorder__files(const struct recorder *rec)
{
	return rec->files;
}
