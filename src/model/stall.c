/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * See stall.h.
 */
#include "model/stall.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/array.h"
#include "base/utf8.h"
#include "model/attribution.h"
#include "model/holder.h"
#include "stream/pystr.h"

static void fill_numbers(struct stall *stall, const struct ls_rec_stall *rec)
{
	stall->pid = rec->hdr.tgid;
	stall->tid = rec->hdr.tid;
	stall->unit = rec->unit;
	stall->start_ns = rec->start_ns;
	stall->duration_ns = rec->duration_ns;
	memcpy(stall->cause_ns, rec->cause_ns, sizeof(stall->cause_ns));
	attribution__split(rec->cause_ns, &stall->cpu_ns, &stall->blocked_ns, &stall->gil_ns,
			   &stall->runqueue_ns);
	stall->cause = attribution__cause(rec->cause_ns);
	stall->steps = rec->steps;
	stall->end = rec->end;
	stall->end_signal = rec->signal;
	stall->gc_generation = rec->gc_generation;
	stall->stop = rec->stop;
	stall->stop_id = rec->stop_id;
	stall->quota_ns = rec->quota_ns;
	stall->period_ns = rec->period_ns;
	stall->stolen_ns = rec->stolen_ns;
	stall->pinned_ns = rec->pinned_ns;
	stall->gil_looks = rec->gil_looks;
	stall->gil_free = rec->gil_free;
	stall->is_light = rec->flags & LS_STALL_LIGHT;
	stall->began_before = rec->flags & LS_STALL_BEGAN_BEFORE;
}

static void fill_cpu_holder(struct stall *stall, const struct ls_cpu_holder *from)
{
	char comm[LS_COMM_BYTES + 1] = "";

	if (!from->ns || !stall->cause_ns[LS_CAUSE_RUNQUEUE])
		return;
	memcpy(comm, from->comm, LS_COMM_BYTES);
	utf8__sanitize(comm, stall->cpu_holder.name, sizeof(stall->cpu_holder.name));
	stall->cpu_holder.duration_ns = from->ns;
	stall->cpu_holder.pid = from->tgid;
	stall->cpu_holder.is_own_process = from->tgid == stall->pid;
}

/* A host's wait must not hide that its own time alone is a stall. */
static void fill_own(struct stall *stall)
{
	const uint64_t own_ns = stall->duration_ns - HOST_NS(stall->cause_ns);
	__u64 own[LS_CAUSE_MAX];

	if (ls_cause_host(stall->cause) != LS_HOST_OWN || !stall->threshold_ns ||
	    own_ns < stall->threshold_ns)
		return;
	for (enum ls_cause i = 0; i < LS_CAUSE_MAX; i++)
		own[i] = ls_cause_host(i) == LS_HOST_OWN ? 0 : stall->cause_ns[i];
	stall->own_ns = own_ns;
	stall->own_cause = attribution__cause(own);
}

static enum sign sign_of_wait(const struct stall *stall)
{
	if (stall->pinned_ns > stall->cause_ns[LS_CAUSE_RUNQUEUE] / 2)
		return SIGN_PINNED;
	if (!stall->cpu_holder.duration_ns)
		return SIGN_NONE;
	return stall->cpu_holder.is_own_process ? SIGN_OWN_THREADS : SIGN_OTHER_PROCESS;
}

static void fill_kernel_time(struct stall *stall, const struct ls_rec_stall *rec)
{
	const uint64_t booked_ns = rec->booked_user_ns + rec->booked_kernel_ns;

	stall->page_faults = rec->page_faults;
	stall->has_kernel_ns = booked_ns >= STALL_BOOKED_MIN_NS;
	if (stall->has_kernel_ns)
		stall->kernel_ns = (uint64_t)((double)stall->cpu_ns *
					      (double)rec->booked_kernel_ns / (double)booked_ns);
}

bool stall__is_in_kernel(const struct stall *stall)
{
	return stall->has_kernel_ns && stall->kernel_ns > stall->cpu_ns / 2;
}

static enum sign sign_of_work(const struct stall *stall)
{
	if (stall->repeated_await.function)
		return SIGN_AWAITS;
	if (stall__is_in_kernel(stall) && stall->page_faults * STALL_FAULT_NS > stall->kernel_ns)
		return SIGN_PAGE_FAULTS;
	if (!stall->gil_looks)
		return SIGN_NONE;
	return stall->gil_free > stall->gil_looks / 2 ? SIGN_GIL_RELEASED : SIGN_GIL_HELD;
}

/* openat2 as well. */
static bool is_open_call(const char *syscall)
{
	return syscall && !strncmp(syscall, "open", 4);
}

static enum sign sign_of_lock(const struct stall *stall)
{
	const bool is_fcntl = stall->call_syscall &&
		(!strcmp(stall->call_syscall, "flock") || !strcmp(stall->call_syscall, "fcntl"));

	if (stall->lock_known == LS_LOCK_NOTIFIED)
		return SIGN_NOTIFIED;
	return stall->lock_known == LS_LOCK_PROCESS ||
			(stall->lock_known == LS_LOCK_NO_FUTEX && is_fcntl) ?
		SIGN_FILE_LOCK :
		SIGN_NONE;
}

enum sign stall__sign_of(const struct stall *stall, enum ls_cause cause)
{
	if (stall->is_nested_loop && ls_cause_class(cause) == LS_CLASS_BLOCKED &&
	    cause != LS_CAUSE_STOPPED)
		return SIGN_NESTED_LOOP;
	switch (cause) {
	case LS_CAUSE_RUNQUEUE:
		return sign_of_wait(stall);
	case LS_CAUSE_CPU:
		return sign_of_work(stall);
	case LS_CAUSE_GC:
		return stall->collects ? SIGN_COLLECTS : SIGN_NONE;
	case LS_CAUSE_GIL:
		return stall->gil_holder.is_collecting ? SIGN_HOLDER_COLLECTS : SIGN_NONE;
	case LS_CAUSE_LOCK:
		return sign_of_lock(stall);
	case LS_CAUSE_FILE:
		return cause == stall->cause && is_open_call(stall->call_syscall) ? SIGN_OPENS :
										    SIGN_NONE;
	case LS_CAUSE_SLEEP:
		return stall->is_library_call ? SIGN_LIBRARY : SIGN_NONE;
	default:
		return SIGN_NONE;
	}
}

uint64_t stall__starved_share_ns(const struct stall *stall, uint64_t part_ns)
{
	const unsigned __int128 product = (unsigned __int128)stall->starved_ns * part_ns;

	return stall->duration_ns ? (uint64_t)(product / stall->duration_ns) : 0;
}

void stall__set_signs(struct stall *stall)
{
	stall->sign = stall__sign_of(stall, stall->cause);
	stall->own_sign = stall->own_ns ? stall__sign_of(stall, stall->own_cause) : SIGN_NONE;
}

static void fill_victims(struct stall *stall, const struct ls_rec_stall *rec)
{
	stall->victims = rec->victims;
	stall->starved_ns = rec->starved_ns;
	stall->sockets = rec->sockets;
	stall->is_victims_cut = rec->flags & LS_STALL_VICTIMS_CUT;
	stall->is_victims_unknown = rec->flags & LS_STALL_VICTIMS_UNKNOWN;
	stall->is_sockets_unknown = rec->flags & LS_STALL_SOCKETS_UNKNOWN;
}

#define UNKNOWN_PREFIX "\xe2\x80\xa6" /* an ellipsis */

/*
 * Adds a text to those that are there; one without a "/" in front of it gets one: Django's have
 * none, but for regular expressions. A router may be mounted at the root, with an empty text.
 */
static void add_to_route(struct model_request *request, const struct ls_pystr *part, bool is_prefix)
{
	const size_t n = strlen(request->route);
	char text[MODEL_NAME_BYTES];

	if (part->kind == LS_NO_NAME)
		return;
	pystr__to_utf8(part, text, sizeof(text));
	if (!*text && (is_prefix || n))
		return;
	snprintf(request->route + n, sizeof(request->route) - n, "%s%s",
		 *text == '/' || *text == '^' ? "" : "/", text);
}

static void fill_request(struct model_request *request, const struct ls_request *from)
{
	char method[MODEL_NAME_BYTES];

	if (from->state != LS_REQUEST_KNOWN)
		return;
	if (from->method.kind != LS_NO_NAME) {
		pystr__to_utf8(&from->method, method, sizeof(method));
		utf8__sanitize(method, request->method, sizeof(request->method));
	}
	if (from->is_partial)
		snprintf(request->route, sizeof(request->route), "%s", UNKNOWN_PREFIX);
	for (size_t i = LS_REQUEST_PREFIXES; i > 0; i--)
		if (i <= from->n_prefixes)
			add_to_route(request, &from->prefixes[i - 1], true);
	add_to_route(request, &from->route, false);
	snprintf(request->label, sizeof(request->label), "%s%s%s", request->method,
		 *request->method && *request->route ? " " : "", request->route);
}

/* The phase is not part of the id of a test. */
static void fill_test(char test[MODEL_TEST_BYTES], const char from[LS_TEST_PARTS][LS_NAME_BYTES])
{
	static const char *const phases[] = { " (setup)", " (call)", " (teardown)" };
	char text[LS_TEST_PARTS * LS_NAME_BYTES + 1] = "";
	size_t n;

	memcpy(text, from, sizeof(text) - 1);
	n = strlen(text);
	for (size_t i = 0; i < N_OF(phases); i++) {
		const size_t len = strlen(phases[i]);

		if (n > len && !strcmp(text + n - len, phases[i]))
			text[n -= len] = 0;
	}
	utf8__sanitize(text, test, MODEL_TEST_BYTES);
}

static void hex(const void *bytes, size_t n, char *text)
{
	for (size_t i = 0; i < n; i++)
		snprintf(text + 2 * i, 3, "%02x", ((const unsigned char *)bytes)[i]);
}

void stall__id(const struct stall *stall, char *text, size_t size)
{
	snprintf(text, size, "%u:%" PRIu64, stall->tid, stall->start_ns);
}

void stall__trace_text(const struct stall *stall, struct trace_text *ret_text)
{
	*ret_text = (struct trace_text){ "", "" };
	if (!stall->trace.span_id)
		return;
	hex(stall->trace.trace_id, sizeof(stall->trace.trace_id), ret_text->trace_id);
	hex(&stall->trace.span_id, sizeof(stall->trace.span_id), ret_text->span_id);
}

void stall__fill(struct stall *stall, const struct resolver *r, const struct ls_rec_stall *rec)
{
	memset(stall, 0, sizeof(*stall));
	fill_numbers(stall, rec);
	fill_cpu_holder(stall, &rec->cpu_holder);
	fill_kernel_time(stall, rec);
	stall->threshold_ns = rec->threshold_ns;
	fill_own(stall);
	stall__set_signs(stall);
	fill_victims(stall, rec);
	holder__fill_gil(&stall->gil_holder, r, rec);
	holder__fill_lock(&stall->lock_holder, r, rec);
	if (rec->library < LIBRARY_MAX)
		stall->context.library = (enum loop_library)rec->library;
	stall->lock_known = rec->lock_known;
	fill_test(stall->test, rec->test);
	stall->trace = rec->trace;
	if (stall->unit == LS_UNIT_STEP) {
		fill_request(&stall->request, &rec->request);
		stall->task = rec->task;
		stall->is_task_name_unknown = rec->name.kind == LS_NO_NAME;
		pystr__to_utf8(&rec->name, stall->task_name, sizeof(stall->task_name));
	}
}
