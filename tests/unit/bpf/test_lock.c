/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Who holds a lock that a loop thread waits for: objects of the interpreter with a semaphore of
 * their own or a mutex inside, mutexes of the C library, and when that is not known.
 */
#include <string.h>

#include "bpf/host/expect.h"
#include "bpf/host/programs.h"

#include "arch_regs.h"

#define WORK 0xabc0
#define CLEAN 0xabc1
#define FUTEX_WAIT 128 /* FUTEX_PRIVATE_FLAG */
#define FUTEX_WAIT_BITSET 137
#define FUTEX_WAKE 129
#define OWNER_POINTER (THREAD_POINTER + 0x10000)
#define LOCAL(i) (72 + 8 * (i))
#define DEFERRED 1 /* result of a try for a lock of a file that has to wait */

static uint64_t lock_type, rlock_type, derived_type;
static uint64_t owner, frame, semaphore;
static struct host_thread *keeper;

static uint64_t type_named(const char *name, uint64_t base)
{
	uint64_t type = py__alloc(400), text = py__alloc(32);

	memory__write(text, name, strlen(name) + 1);
	memory__put(type + python.proc.py.at.tp_name, text);
	memory__put(type + python.proc.py.at.tp_base, base);
	return type;
}

static void link_threads(uint64_t first, uint64_t second)
{
	uint64_t head = py__alloc(8);

	memory__put(head, first);
	memory__put(first + python.proc.py.at.tstate_next, second);
	python.proc.py.threads = head;
}

static void begin(void)
{
	world__begin();
	lock_type = type_named("_thread.lock", 0);
	rlock_type = type_named("_thread.RLock", 0);
	derived_type = type_named("Derived", rlock_type);
	owner = py__tstate(OWNER_POINTER, TID + 1);
	keeper = world__add_thread(TGID, TID + 1);
	py__set_top(owner, py__frame(WORK, 0x30, 0));
	link_threads(owner, world.tstate);
	world__update_proc();
	step(world.task, US); /* which makes its own thread state known */
	frame = py__frame(CODE, 0x10, world.loop_frame);
	py__alloc(1024); /* its value stack */
	py__set_top(world.tstate, frame);
	semaphore = py__alloc(32);
}

TestSuite(bpf_lock, .init = begin);

/* The thread has its own copy. */
static void use_layout(void)
{
	thread_of(&world.thread->task)->proc = python.proc;
}

static uint64_t lock_object(uint64_t type, uint64_t owned_by)
{
	uint64_t lock = py__object(type, 64);

	memory__put(lock + 16, semaphore);
	memory__put(lock + 24, owned_by);
	return lock;
}

static void push(int i, uint64_t object)
{
	memory__put(frame + LOCAL(i), object);
}

static void wait_begin(uint64_t duration_ns)
{
	block(SYS_futex, semaphore, FUTEX_WAIT_BITSET, 0);
	pass(duration_ns);
}

static void wait_end(void)
{
	wake();
	on_cpu();
}

/* The other thread wakes it, in this call. */
static void woken_by(struct host_thread *thread, long syscall, uint64_t futex, uint64_t op)
{
	regs_set_syscall(&thread->user, syscall);
	regs_set_syscall_args(&thread->user, futex, op, 1);
	machine.current = thread;
	prog_waking(NULL, &world.thread->task);
	machine.current = world.thread;
	wait_end();
}

static const struct ls_rec_stack *next_holder(void)
{
	const struct host_record *rec;

	while ((rec = next_record(LS_REC_STACK)))
		if (rec->stack.flags & LS_STACK_HOLDER)
			return &rec->stack;
	return NULL;
}

static const struct ls_rec_stall *stall_of_wait(void)
{
	step_enter(world.task, 0x1000);
	wait_begin(30 * MS);
	wait_end();
	step_exit(0x1000);
	return take_stall();
}

static void expect_owner(const struct ls_rec_stall *stall)
{
	cr_expect_eq(stall->cause_ns[LS_CAUSE_LOCK], 30 * MS);
	cr_expect_eq(stall->lock_known, LS_LOCK_OWNER);
	cr_expect_eq(stall->lock_holder_tstate, owner);
	cr_expect_eq(stall->lock_holder_id, TID + 1);
}

Test(bpf_lock, an_rlock_names_its_owner)
{
	const struct ls_rec_stack *stack;

	push(5, lock_object(rlock_type, OWNER_POINTER));
	step_enter(world.task, 0x1000);
	wait_begin(30 * MS);
	wait_end();
	step_exit(0x1000);
	stack = next_holder();
	cr_assert_not_null(stack);
	cr_assert_eq(stack->cause, LS_CAUSE_LOCK);
	cr_assert_eq(stack->n_frames, 1);
	cr_assert_eq(stack->frames[0].code, WORK);
	cr_assert_eq(stack->weight_ns, 30 * MS);
	expect_owner(take_stall());
}

/* What a with statement keeps. */
Test(bpf_lock, a_bound_method_leads_to_its_lock)
{
	uint64_t method = py__object(python.other_type, 64);

	memory__put(method + python.proc.py.at.cfunction_self,
		    lock_object(rlock_type, OWNER_POINTER));
	push(20, method);
	expect_owner(stall_of_wait());
}

Test(bpf_lock, a_derived_class_is_one)
{
	push(0, lock_object(derived_type, OWNER_POINTER));
	expect_owner(stall_of_wait());
}

/* Up to 3.10 the value stack lies elsewhere. */
Test(bpf_lock, a_frame_that_points_to_its_stack)
{
	uint64_t stack = py__alloc(1024);

	python.proc.py.at.frame_stack = 40;
	use_layout();
	memory__put(frame + 40, stack);
	memory__put(stack + 8, lock_object(rlock_type, OWNER_POINTER));
	expect_owner(stall_of_wait());
}

/* Another object that begins with the same word, and a lock that waits for another semaphore. */
Test(bpf_lock, no_other_object_is_taken_for_it)
{
	const struct ls_rec_stall *stall;

	push(0, lock_object(python.other_type, OWNER_POINTER));
	semaphore += 8;
	push(1, lock_object(rlock_type, OWNER_POINTER));
	semaphore -= 8;
	stall = stall_of_wait();
	cr_expect_eq(stall->lock_known, LS_LOCK_NO_OBJECT);
	cr_expect_eq(stall->lock_holder_id, 0);
}

Test(bpf_lock, an_rlock_without_a_known_owner)
{
	push(0, lock_object(rlock_type, 0));
	cr_expect_eq(stall_of_wait()->lock_known, LS_LOCK_FREE);
	push(0, lock_object(rlock_type, 0x1234));
	cr_expect_eq(stall_of_wait()->lock_known, LS_LOCK_OWNER_GONE);
}

/* From 3.13 on: the futex is inside an entry of the parking lot. */
Test(bpf_lock, a_lock_with_a_mutex_inside)
{
	uint64_t entry = py__alloc(64), lock;

	python.proc.py.at.minor = 14;
	use_layout();
	semaphore = entry + 16;
	lock = lock_object(rlock_type, OWNER_POINTER);
	memory__put(entry + 8, lock + 16);
	expect_owner(stall_of_wait());
}

Test(bpf_lock, who_releases_a_lock)
{
	const struct ls_rec_stall *stall;

	push(0, lock_object(lock_type, 0));
	step_enter(world.task, 0x1000);
	wait_begin(30 * MS);
	woken_by(keeper, SYS_futex, semaphore, FUTEX_WAKE);
	step_exit(0x1000);
	cr_expect_eq(next_holder()->frames[0].code, WORK);
	stall = take_stall();
	cr_expect_eq(stall->lock_known, LS_LOCK_RELEASED);
	cr_expect_eq(stall->lock_holder_tstate, owner);
	cr_expect_eq(stall->lock_holder_id, TID + 1);
}

/* A timeout interrupts a thread that waits for the same lock, one that wakes others, or any. */
Test(bpf_lock, who_does_not_release_it)
{
	static const struct {
		long syscall;
		uint64_t op, more;
	} calls[] = {
		{ SYS_futex, FUTEX_WAIT_BITSET, 0 },
		{ SYS_futex, FUTEX_WAKE, 8 },
		{ SYS_fsync, FUTEX_WAKE, 0 },
		{ -1, FUTEX_WAKE, 0 },
	};

	push(0, lock_object(lock_type, 0));
	for (size_t i = 0; i < sizeof(calls) / sizeof(calls[0]); i++) {
		step_enter(world.task, 0x1000);
		wait_begin(30 * MS);
		woken_by(keeper, calls[i].syscall, semaphore + calls[i].more, calls[i].op);
		step_exit(0x1000);
		cr_expect_eq(take_stall()->lock_known, LS_LOCK_NO_OWNER, "call %zu", i);
	}
	step_enter(world.task, 0x1000);
	wait_begin(30 * MS);
	woken_by(world__add_thread(TGID + 1, TID + 2), SYS_futex, semaphore, FUTEX_WAKE);
	step_exit(0x1000);
	cr_expect_eq(take_stall()->lock_known, LS_LOCK_NO_OWNER, "another process");
}

Test(bpf_lock, that_changed_hands)
{
	uint64_t second = py__tstate(OWNER_POINTER + 0x10000, TID + 2);
	struct host_thread *thread = world__add_thread(TGID, TID + 2);
	const struct ls_rec_stall *stall;

	py__set_top(second, py__frame(CLEAN, 0x40, 0));
	memory__put(world.tstate + python.proc.py.at.tstate_next, second);
	push(0, lock_object(rlock_type, OWNER_POINTER));
	step_enter(world.task, 0x1000);
	wait_begin(30 * MS);
	woken_by(thread, SYS_futex, semaphore, FUTEX_WAKE);
	step_exit(0x1000);
	cr_expect_eq(next_holder()->frames[0].code, CLEAN);
	stall = take_stall();
	cr_expect_eq(stall->lock_known, LS_LOCK_RELEASED_LAST);
	cr_expect_eq(stall->lock_holder_tstate, second);
}

/* The longest wait counts, and what is not known as much as what is. */
Test(bpf_lock, several_waits)
{
	push(0, lock_object(rlock_type, OWNER_POINTER));
	step_enter(world.task, 0x1000);
	wait_begin(20 * MS);
	wait_end();
	push(0, 0);
	wait_begin(30 * MS);
	wait_end();
	step_exit(0x1000);
	cr_assert_null(next_holder());
	world.next_record = 0;
	cr_expect_eq(take_stall()->lock_known, LS_LOCK_NO_OBJECT);
}

struct mutex_words {
	uint32_t lock, count, owner, n_users, kind;
};

static const struct ls_rec_stall *wait_for_mutex(const struct mutex_words *mutex, uint64_t op,
						 uint64_t value)
{
	memory__write(semaphore, mutex, sizeof(*mutex));
	step_enter(world.task, 0x1000);
	block(SYS_futex, semaphore, op, value);
	pass(30 * MS);
	wait_end();
	step_exit(0x1000);
	return take_stall();
}

Test(bpf_lock, a_mutex_of_the_c_library)
{
	const struct mutex_words held = { 2, 0, TID + 1, 1, 0 };

	expect_owner(wait_for_mutex(&held, FUTEX_WAIT, 2));
}

Test(bpf_lock, a_mutex_of_a_thread_without_python)
{
	const struct mutex_words held = { 2, 1, TID + 7, 2, 1 };
	const struct ls_rec_stall *stall = wait_for_mutex(&held, FUTEX_WAIT, 2);

	cr_expect_eq(stall->lock_known, LS_LOCK_OWNER);
	cr_expect_eq(stall->lock_holder_tstate, 0);
	cr_expect_eq(stall->lock_holder_id, TID + 7);
}

Test(bpf_lock, what_is_no_mutex)
{
	static const struct mutex_words words[] = {
		{ 1, 0, TID + 1, 1, 0 }, /* not contended */
		{ 2, 0, 0, 1, 0 }, /* no owner */
		{ 2, 0, TID + 1, 0, 0 }, /* no users */
		{ 2, 0, TID + 1, 1, 128 }, /* shared with other processes */
	};
	const struct mutex_words held = { 2, 0, TID + 1, 1, 0 };

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		cr_expect_eq(wait_for_mutex(&words[i], FUTEX_WAIT, 2)->lock_known,
			     LS_LOCK_NO_OBJECT, "words %zu", i);
	cr_expect_eq(wait_for_mutex(&held, FUTEX_WAIT_BITSET, 2)->lock_known, LS_LOCK_NO_OBJECT);
	cr_expect_eq(wait_for_mutex(&held, FUTEX_WAIT, 0)->lock_known, LS_LOCK_NO_OBJECT);
}

/* The thread tries to lock a file, and waits. */
static const struct ls_rec_stall *wait_for_file(struct file_lock *request, long syscall, int result)
{
	step_enter(world.task, 0x1000);
	regs_set_syscall(&world.thread->user, SYS_flock);
	prog_file_lock(NULL, NULL, request, result);
	block(syscall, 7, 2, 0);
	pass(30 * MS);
	wait_end();
	step_exit(0x1000);
	return take_stall();
}

static void expect_process(const struct ls_rec_stall *stall, uint64_t pid)
{
	cr_expect_eq(stall->cause_ns[LS_CAUSE_LOCK], 30 * MS);
	cr_expect_eq(stall->lock_known, pid ? LS_LOCK_PROCESS : LS_LOCK_NO_FUTEX);
	cr_expect_eq(stall->lock_holder_id, pid);
	cr_expect_eq(stall->lock_holder_tstate, 0);
}

Test(bpf_lock, the_process_that_took_the_lock_of_a_file)
{
	struct file_lock lock = { .c.flc_pid = 4711 }, other = { .c = { &lock.c, 4712 } },
			 request = { .c = { &lock.c, TGID } };

	expect_process(wait_for_file(&request, SYS_flock, DEFERRED), 4711);
	/* Who waits before it has nothing. */
	request.c.flc_blocker = &other.c;
	expect_process(wait_for_file(&request, SYS_flock, DEFERRED), 4711);
	/* It waits for a descriptor that is locked by the same process. */
	lock.c.flc_pid = TGID;
	expect_process(wait_for_file(&request, SYS_flock, DEFERRED), TGID);
}

Test(bpf_lock, the_lock_of_a_file_is_not_known)
{
	struct file_lock lock = { .c.flc_pid = -4711 }, request = { .c = { &lock.c, TGID } };

	/* Of another machine. */
	expect_process(wait_for_file(&request, SYS_flock, DEFERRED), 0);
	lock.c.flc_pid = 4711;
	/* It got the lock; the wait is for something else. */
	expect_process(wait_for_file(&request, SYS_flock, 0), 0);
	/* It did not wait for the lock after all, but waits in another call. */
	expect_process(wait_for_file(&request, SYS_semop, DEFERRED), 0);
	/* It was released meanwhile. */
	request.c.flc_blocker = NULL;
	expect_process(wait_for_file(&request, SYS_flock, DEFERRED), 0);
}

/* A wait of which nothing was seen does not take the process of the wait before. */
Test(bpf_lock, a_process_is_known_for_one_wait)
{
	struct file_lock lock = { .c.flc_pid = 4711 }, request = { .c = { &lock.c, TGID } };

	step_enter(world.task, 0x1000);
	regs_set_syscall(&world.thread->user, SYS_flock);
	prog_file_lock(NULL, NULL, &request, DEFERRED);
	blocked(SYS_flock, 7, 10 * MS);
	blocked(SYS_flock, 7, 30 * MS);
	step_exit(0x1000);
	cr_expect_eq(take_stall()->lock_known, LS_LOCK_NO_FUTEX);
}
