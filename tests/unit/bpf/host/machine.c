/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The machine: clock, threads, user memory, ring buffer and timers, as the helpers of the kernel
 * side see them.
 */
#include "machine.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define MAX_THREADS 64
#define PAGE_SLOTS 4096 /* a power of two */
#define RING_RECORDS 4096

struct page {
	uint64_t addr; /* of its first byte, 0: free */
	bool is_mapped;
	uint8_t bytes[HOST_PAGE];
};

typedef int (*tick_fn)(void *map, __u32 *key, void *value);

struct machine machine;

static struct host_thread *host_threads[MAX_THREADS];
static size_t n_host_threads;
static struct page *pages[PAGE_SLOTS];
static size_t used_slots[PAGE_SLOTS], n_used_slots;
static struct host_record *ring_records;
static tick_fn ticks[LS_CLOCKS];

static void settings_reset(void)
{
	memset((void *)&settings, 0, sizeof(settings));
	settings.threshold_ns = 10000000;
	settings.light_threshold_ns = 10000000;
	settings.sample_after_ns = 2000000;
	settings.sample_period_ns = 2000000;
	settings.copy_price_ns = LS_NO_COPIES;
}

/* 65 MiB, of which few pages are written: as a static array the leak check of every test would read
 * them all. */
static struct host_record *new_ring(void)
{
	const size_t bytes = RING_RECORDS * sizeof(struct host_record);
	void *records = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
			     MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (records == MAP_FAILED)
		abort();
	return records;
}

void machine__reset(void)
{
	if (!ring_records)
		ring_records = new_ring();
	for (size_t i = 0; i < n_host_threads; i++) {
		maps__free_storage(host_threads[i]);
		free(host_threads[i]);
	}
	n_host_threads = 0;
	for (size_t i = 0; i < n_used_slots; i++) {
		free(pages[used_slots[i]]);
		pages[used_slots[i]] = NULL;
	}
	n_used_slots = 0;
	maps__reset();
	memset(ticks, 0, sizeof(ticks));
	memset(&budgets, 0, sizeof(budgets));
	n_coroutines = 0;
	memset((void *)&clock_status, 0, sizeof(clock_status));
	clock_flags = 0;
	trial_ticks = 0;
	settings_reset();
	memset(&machine, 0, sizeof(machine));
	machine.records = ring_records;
	machine.now_ns = 1000000000000ULL;
	machine.random = 1;
}

const void *machine__record(size_t i, size_t *ret_size)
{
	for (size_t n = 0; n < machine.n_records && machine.records[n].is_submitted; n++) {
		const struct ls_rec_hdr *hdr = &machine.records[n].hdr;

		if (hdr->kind == LS_REC_NONE || i-- > 0)
			continue;
		*ret_size = hdr->len;
		return hdr;
	}
	return NULL;
}

struct host_thread *machine__find_thread(uint32_t tid)
{
	for (size_t i = 0; i < n_host_threads; i++)
		if (host_threads[i]->task.pid == (int)tid)
			return host_threads[i];
	return NULL;
}

struct host_thread *machine__new_thread(uint32_t tgid, uint32_t tid)
{
	struct host_thread *t = calloc(1, sizeof(*t));

	if (!t || n_host_threads == MAX_THREADS)
		abort();
	host_threads[n_host_threads++] = t;
	t->task.tgid = (int)tgid;
	t->task.pid = (int)tid;
	t->task.thread_pid = &t->ids;
	/* In a container, where it sees another id than the machine does. */
	t->ids = (struct pid){ .level = 1, .numbers = { { (int)tid + 100000 }, { (int)tid } } };
	t->task.se.cfs_rq = &t->cfs_rq;
	t->task.group_leader = &t->task;
	t->task.signal = &t->signal;
	t->task.files = &t->files;
	t->task.mm = (struct mm_struct *)t;
	t->cfs_rq.rq = &t->rq;
	t->signal.live.counter = 1;
	t->files.fdt = &t->fdt;
	t->fdt.max_fds = HOST_FDS;
	t->fdt.fd = t->fds;
	return t;
}

uint64_t machine__loss(uint32_t loss)
{
	return *(uint64_t *)bpf_map_lookup_elem(&losses, &loss);
}

/* User memory */

static size_t slot_of(uint64_t page)
{
	size_t slot = (page / HOST_PAGE * 0x9e3779b97f4a7c15ULL) >> 52;

	while (pages[slot] && pages[slot]->addr != page)
		slot = (slot + 1) & (PAGE_SLOTS - 1);
	return slot;
}

static struct page *page_make(uint64_t addr)
{
	size_t slot = slot_of(addr & ~(HOST_PAGE - 1));

	if (!pages[slot]) {
		if (n_used_slots == PAGE_SLOTS / 2)
			abort();
		pages[slot] = calloc(1, sizeof(struct page));
		if (!pages[slot])
			abort();
		pages[slot]->addr = addr & ~(HOST_PAGE - 1);
		used_slots[n_used_slots++] = slot;
	}
	pages[slot]->is_mapped = true;
	return pages[slot];
}

void memory__write(uint64_t addr, const void *data, size_t size)
{
	const uint8_t *from = data;

	while (size) {
		size_t offset = addr & (HOST_PAGE - 1);
		size_t n = size < HOST_PAGE - offset ? size : HOST_PAGE - offset;

		memcpy(page_make(addr)->bytes + offset, from, n);
		addr += n;
		from += n;
		size -= n;
	}
}

void memory__unmap(uint64_t addr)
{
	struct page *page = pages[slot_of(addr & ~(HOST_PAGE - 1))];

	if (page)
		page->is_mapped = false;
}

/* As in the kernel, the destination is cleared where a read faults. */
long bpf_probe_read_user(void *dst, __u32 size, const void *src)
{
	uint64_t addr = (uintptr_t)src;
	__u32 done = 0;

	machine.user_reads++;
	while (done < size) {
		uint64_t at = addr + done;
		__u32 offset = at & (HOST_PAGE - 1), n = HOST_PAGE - offset;
		const struct page *page = pages[slot_of(at & ~(HOST_PAGE - 1))];

		if (!page || !page->is_mapped) {
			memset(dst, 0, size);
			return -EFAULT;
		}
		if (n > size - done)
			n = size - done;
		memcpy((uint8_t *)dst + done, page->bytes + offset, n);
		done += n;
	}
	return 0;
}

/* There is one memory only. */
long bpf_copy_from_user_task(void *dst, __u32 size, const void *src, struct task_struct *task,
			     __u64 flags)
{
	(void)task;
	(void)flags;
	return bpf_probe_read_user(dst, size, src);
}

/* Kernel objects are objects of the test; only what is near NULL faults. */
long bpf_probe_read_kernel(void *dst, __u32 size, const void *src)
{
	if ((uintptr_t)src < HOST_PAGE) {
		memset(dst, 0, size);
		return -EFAULT;
	}
	memcpy(dst, src, size);
	return 0;
}

/* Who and when */

struct task_struct *bpf_get_current_task_btf(void)
{
	return &machine.current->task;
}

__u64 bpf_get_current_pid_tgid(void)
{
	return (__u64)machine.current->task.tgid << 32 | (__u32)machine.current->task.pid;
}

__u32 bpf_get_smp_processor_id(void)
{
	return machine.cpu;
}

__u32 bpf_get_prandom_u32(void)
{
	return machine.random = machine.random * 1664525 + 1013904223;
}

__u64 bpf_ktime_get_ns(void)
{
	return machine.now_ns += machine.step_ns;
}

__u64 bpf_get_attach_cookie(void *ctx)
{
	(void)ctx;
	return machine.cookie;
}

long bpf_task_pt_regs(struct task_struct *task)
{
	return (long)&((struct host_thread *)task)->user;
}

long bpf_loop(__u32 n, void *callback, void *context, __u64 flags)
{
	long (*call)(__u32, void *) = (long (*)(__u32, void *))callback;

	(void)flags;
	for (__u32 i = 0; i < n; i++)
		if (call(i, context))
			return i + 1;
	return n;
}

/* The ring buffer */

void *bpf_ringbuf_reserve(void *map, __u64 size, __u64 flags)
{
	struct host_record *rec = &machine.records[machine.n_records];

	(void)flags;
	if (map != &ring)
		abort();
	if (machine.faults.ring_full || machine.n_records == RING_RECORDS)
		return NULL;
	if (size > offsetof(struct host_record, is_submitted))
		abort();
	machine.n_records++;
	machine.n_reserved++;
	/* The kernel does not clear it either. */
	memset(rec, 0xa5, sizeof(*rec));
	rec->is_submitted = false;
	return rec;
}

void bpf_ringbuf_submit(void *data, __u64 flags)
{
	struct host_record *rec = data;

	if (rec->is_submitted)
		abort();
	rec->is_submitted = true;
	rec->flags = flags;
	machine.n_reserved--;
}

void bpf_ringbuf_discard(void *data, __u64 flags)
{
	(void)flags;
	((struct host_record *)data)->hdr.kind = LS_REC_NONE;
	bpf_ringbuf_submit(data, 0);
}

long bpf_ringbuf_output(void *map, const void *data, __u64 size, __u64 flags)
{
	void *rec = bpf_ringbuf_reserve(map, size, 0);

	if (!rec)
		return -EAGAIN;
	memcpy(rec, data, size);
	bpf_ringbuf_submit(rec, flags);
	return 0;
}

/* Timers, one in each element of `clocks` */

static long timer_index(const void *timer)
{
	return maps__index_of(&clocks, timer);
}

long bpf_timer_init(void *timer, void *map, __u64 flags)
{
	long i = timer_index(timer);

	(void)flags;
	if (map != &clocks || i < 0)
		return -EINVAL;
	if (machine.has_timer[i])
		return -EBUSY;
	if (machine.faults.no_timer_memory)
		return -ENOMEM;
	machine.has_timer[i] = true;
	return 0;
}

long bpf_timer_set_callback(void *timer, void *callback)
{
	if (!machine.has_timer[timer_index(timer)])
		return -EINVAL;
	ticks[timer_index(timer)] = (tick_fn)callback;
	return 0;
}

long bpf_timer_start(void *timer, __u64 delay_ns, __u64 flags)
{
	long i = timer_index(timer);

	if (!ticks[i] || (flags && machine.faults.timers_unpinned))
		return -EINVAL;
	machine.timer_due_ns[i] = machine.now_ns + delay_ns;
	machine.timer_flags[i] = flags;
	return 0;
}

long bpf_timer_cancel(void *timer)
{
	machine.timer_due_ns[timer_index(timer)] = 0;
	return 0;
}

bool machine__fire(uint32_t clock)
{
	if (!machine.timer_due_ns[clock])
		return false;
	machine.timer_due_ns[clock] = 0;
	ticks[clock](&clocks, &clock, bpf_map_lookup_elem(&clocks, &clock));
	return true;
}
