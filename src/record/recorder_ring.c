/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The last minutes of a recording in memory. The ring is a list of segments, each of which begins
 * with all state that its own inputs refer to, so that the oldest one can be dropped. A copy is a
 * head, the chunks of all segments as they are, and what ends with the copy; a reader that has
 * played a segment skips the state at the beginning of the next one.
 */
#include "base/time.h"
#include "record/recorder_impl.h"
#include "record/ring_copy.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/cleanup.h"

void ring_segments__done(struct ring_segments *ring)
{
	for (size_t i = 0; i < ring->n; i++)
		fd_close(&ring->list[i].fd);
	*ring = (struct ring_segments){};
}

static int open_memory(void)
{
	const int fd = memfd_create("loopstall-ring", MFD_CLOEXEC);

	return fd < 0 ? -errno : fd;
}

static void drop_oldest(struct ring_segments *ring)
{
	ring->bytes -= ring->list[0].bytes;
	fd_close(&ring->list[0].fd);
	memmove(&ring->list[0], &ring->list[1], --ring->n * sizeof(ring->list[0]));
}

/* Chunks are numbered through, so that a reader sees that none is missing. */
int recorder__create_segment(struct recorder *rec)
{
	const int fd = open_memory();

	if (fd < 0)
		return fd;
	if (rec->ring.n == RING_MAX_SEGMENTS)
		drop_oldest(&rec->ring);
	rec->out.fd = fd;
	rec->out.file_bytes = 0;
	rec->ring.list[rec->ring.n++] = (struct ring_segment){
		.fd = -1,
		.begin_ns = rec->last_at_ns ?: meta__u64(&rec->meta, "start_ns", 0),
	};
	rec->files++;
	return 0;
}

int recorder__end_segment(struct recorder *rec)
{
	struct ring_segment *s = &rec->ring.list[rec->ring.n - 1];

	s->fd = TAKE_FD(rec->out.fd);
	s->bytes = rec->out.file_bytes;
	rec->ring.bytes += s->bytes;
	rec->closed_bytes += s->bytes;
	return 0;
}

/* Since a segment's own inputs began. A list of tasks may be older than the input before it. */
static uint64_t age_ns(const struct recorder *rec, size_t segment)
{
	const uint64_t begin_ns = rec->ring.list[segment].begin_ns;

	return rec->last_at_ns > begin_ns ? rec->last_at_ns - begin_ns : 0;
}

bool recorder__is_segment_full(const struct recorder *rec)
{
	const uint64_t limit = rec->opts.max_bytes / RING_PARTS;
	const uint64_t own_bytes = rec->out.file_bytes - rec->head_bytes;

	if (rec->is_beginning)
		return false;
	/* The state at the start of a segment may take most of the limit. */
	if (rec->out.file_bytes >= limit && own_bytes >= limit / 4)
		return true;
	return age_ns(rec, rec->ring.n - 1) >= rec->opts.ring_ns / RING_PARTS;
}

uint64_t recorder__ring_bytes(const struct recorder *rec)
{
	return rec->ring.bytes + rec->out.file_bytes;
}

/* The current segment stays, whatever its size is. */
void recorder__trim_ring(struct recorder *rec)
{
	struct ring_segments *ring = &rec->ring;

	while (ring->n > 1 &&
	       (recorder__ring_bytes(rec) > rec->opts.max_bytes ||
		age_ns(rec, 1) >= rec->opts.ring_ns))
		drop_oldest(ring);
}

void recorder__forget_notes(struct recorder *rec, const char *prefix)
{
	meta__remove(&rec->meta, prefix);
}

struct copying {
	struct recorder *rec;
	struct ring_copy *copy;
	size_t first; /* segment */
	int (*last)(void *ctx);
	void *ctx;
};

/* The copy has the file from now on, up to what was written so far. */
static int add_part(struct ring_copy *copy, int fd, uint64_t bytes)
{
	const int own = fcntl(fd, F_DUPFD_CLOEXEC, 0);

	if (own < 0)
		return -errno;
	copy->parts[copy->n++] = (struct ring_part){ .fd = own, .bytes = bytes };
	return 0;
}

/* Times are those of the first segment. */
static int describe(const struct recorder *rec, size_t first, struct meta *meta)
{
	const uint64_t start_ns = meta__u64(&rec->meta, "start_ns", 0);
	const uint64_t start_s = meta__u64(&rec->meta, "start_time", 0);
	const uint64_t begin_ns = rec->ring.list[first].begin_ns;
	int r = meta__copy(meta, &rec->meta);

	if (r >= 0)
		r = meta__set_u64(meta, "start_ns", begin_ns);
	if (r >= 0)
		r = meta__set_u64(meta, "start_time", start_s + (begin_ns - start_ns) / NS_PER_S);
	return r < 0 ? r : meta__set_u64(meta, "duration_ns", age_ns(rec, first));
}

static int add_head(const struct copying *c)
{
	_cleanup_(meta__done) struct meta meta = {};
	_cleanup_(buffer__done) struct buffer body = {};
	struct chunk_writer head = { .fd = -1 };
	int r = describe(c->rec, c->first, &meta);

	if (r >= 0)
		r = open_memory();
	if (r < 0)
		return r;
	recorder__put_body(&meta, &body);
	r = chunk_writer__begin(&head, r, FORMAT_VERSION_RING, &body);
	if (r >= 0)
		r = add_part(c->copy, head.fd, head.file_bytes);
	fd_close(&head.fd);
	return r;
}

static int add_segments(const struct copying *c)
{
	const struct ring_segments *ring = &c->rec->ring;
	int r = 0;

	for (size_t i = c->first; r >= 0 && i + 1 < ring->n; i++)
		r = add_part(c->copy, ring->list[i].fd, ring->list[i].bytes);
	return r < 0 ? r : add_part(c->copy, c->rec->out.fd, c->rec->out.file_bytes);
}

/*
 * Inputs that are encoded against empty tables, in a segment of their own, and the end mark. The
 * reader keeps the answers.
 */
static int put_last(const struct copying *c)
{
	struct recorder *rec = c->rec;
	int r;

	buffer__varint(&rec->out.raw, FORMAT_ANEW);
	buffer__varint(&rec->out.raw, FORMAT_ANEW_END);
	r = c->last ? c->last(c->ctx) : 0;
	if (r >= 0)
		r = recorder__flush(rec);
	if (r >= 0)
		r = chunk_writer__put_end(&rec->out);
	return r < 0 ? r : add_part(c->copy, rec->out.fd, rec->out.file_bytes);
}

/* The buffers may have grown, and the next chunk is empty as it was before. */
static void take_back(struct recorder *rec, const struct recorder *before)
{
	struct chunk_writer out = before->out;

	out.raw = rec->out.raw;
	out.packed = rec->out.packed;
	out.raw.n = 0;
	rec->out = out;
	rec->known = before->known;
	rec->files = before->files;
	rec->is_beginning = before->is_beginning;
	rec->is_in_span = before->is_in_span;
	rec->error = before->error;
}

/*
 * The recorder works on other tables and another file meanwhile. Answers that are written there are
 * of another epoch: the ring gets them again.
 */
static int add_last(const struct copying *c)
{
	struct recorder *rec = c->rec;
	const struct recorder before = *rec;
	struct known *fresh;
	int r = known__new(&fresh);

	if (r < 0)
		return r;
	r = open_memory();
	if (r >= 0) {
		rec->known = fresh;
		rec->out.fd = r;
		rec->out.file_bytes = 0;
		rec->files = before.files + 1;
		rec->is_beginning = true;
		r = put_last(c);
		fd_close(&rec->out.fd);
	}
	known__free(fresh);
	take_back(rec, &before);
	return r;
}

/* The last one that does not begin after that time; segments before it are of no use. */
static size_t find_segment(const struct ring_segments *ring, uint64_t since_ns)
{
	size_t i = 0;

	while (i + 1 < ring->n && ring->list[i + 1].begin_ns <= since_ns)
		i++;
	return i;
}

int recorder__copy(struct recorder *rec, uint64_t since_ns, int (*last)(void *ctx), void *ctx,
		   struct ring_copy **ret_copy)
{
	_cleanup_(ring_copy__freep) struct ring_copy *copy = calloc(1, sizeof(*copy));
	struct copying c = { .rec = rec, .copy = copy, .last = last, .ctx = ctx };
	int r = copy ? rec->error : -ENOMEM;

	if (r >= 0)
		r = recorder__flush(rec);
	c.first = find_segment(&rec->ring, since_ns);
	if (r >= 0)
		r = add_head(&c);
	if (r >= 0)
		r = add_segments(&c);
	if (r >= 0)
		r = add_last(&c);
	if (r < 0)
		return r;
	*ret_copy = TAKE_PTR(copy);
	return 0;
}
