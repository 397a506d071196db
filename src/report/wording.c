/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * See wording.h. The words of the calls are the vocabulary's.
 */
#include "report/wording.h"

#include <stdio.h>
#include <string.h>

#include "model/naming.h"
#include "report/format.h"

const char *wording_call(const struct stall *stall)
{
	const char *words = vocabulary_call(stall->words, stall->cause, stall->sign,
					    stall->call_syscall, VOCABULARY_LONG);
	const char *colon;

	if (words)
		return words;
	if (stall->call_syscall)
		return stall->call_syscall;
	colon = stall->call_native ? strrchr(stall->call_native, ':') : NULL;
	return colon ? colon + 1 : stall->call_native;
}

void wording_stop(const struct stall *stall, char buf[WORDING_STOP_BYTES])
{
	const char *signal = sigabbrev_np((int)stall->stop_id);

	buf[0] = '\0';
	if (stall->stop == LS_STOP_SIGNAL && signal)
		snprintf(buf, WORDING_STOP_BYTES, "SIG%s", signal);
	else if (stall->stop == LS_STOP_SIGNAL)
		snprintf(buf, WORDING_STOP_BYTES, "a signal");
	else if (stall->stop == LS_STOP_TRACER && stall->stop_id)
		snprintf(buf, WORDING_STOP_BYTES, "tracer %u", stall->stop_id);
	else if (stall->stop == LS_STOP_TRACER)
		snprintf(buf, WORDING_STOP_BYTES, "a tracer");
	else if (stall->stop == LS_STOP_FREEZER)
		snprintf(buf, WORDING_STOP_BYTES, "the freezer of its cgroup");
}

static void add_beginning(const struct stall *stall, char buf[WORDING_END_BYTES])
{
	const size_t used = strlen(buf);
	char duration[FORMAT_NUMBER_BYTES];

	snprintf(buf + used, WORDING_END_BYTES - used, "%sbegan before attach, at least %s",
		 used ? ", " : "", format__duration(stall->duration_ns, duration));
}

void wording_end(const struct stall *stall, char buf[WORDING_END_BYTES])
{
	static const char *const words[LS_END_MAX] = {
		[LS_END_RETURN] = "",
		[LS_END_OPEN] = "still open",
		[LS_END_RUNNING] = "still open at the end",
		[LS_END_EXIT] = "cut off by the exit",
		[LS_END_EXEC] = "cut off by an exec",
		[LS_END_SIGNAL] = "killed in it",
	};
	const char *signal =
		stall->end == LS_END_SIGNAL ? sigabbrev_np((int)stall->end_signal) : NULL;

	if (signal)
		snprintf(buf, WORDING_END_BYTES, "killed by SIG%s", signal);
	else
		snprintf(buf, WORDING_END_BYTES, "%s", words[stall->end]);
	if (stall->began_before)
		add_beginning(stall, buf);
}

void wording_waiters(const struct stall *stall, char buf[WORDING_END_BYTES])
{
	const bool goes_on = stall->end == LS_END_OPEN || stall->end == LS_END_RUNNING;

	buf[0] = '\0';
	if (stall->victims)
		snprintf(buf, WORDING_END_BYTES, "%u%s task%s wait%s", stall->victims,
			 stall->is_victims_cut ? "+" : "", stall->victims == 1 ? "" : "s",
			 !goes_on		     ? "ed" :
				 stall->victims == 1 ? "s" :
						       "");
}

/* "time.sleep in handler app.py:12", as far as it is known */
static void death_place(const struct stall *stall, char buf[WORDING_DEATH_BYTES / 2])
{
	const char *call = wording_call(stall), *how = call ? call : vocabulary_cause(stall->cause);
	const struct model_frame *at = wording_own_frame(stall);

	if (!at && stall->call.function)
		at = &stall->call;
	if (at)
		snprintf(buf, WORDING_DEATH_BYTES / 2, "%s in %s %s:%u", how, at->function,
			 format__path_tail(at->file, 1), at->line);
	else
		snprintf(buf, WORDING_DEATH_BYTES / 2, "%s in %s()", how,
			 stall->coroutine.name ? stall->coroutine.name : "?");
}

void wording_death(const struct stall *stall, char buf[WORDING_DEATH_BYTES])
{
	const char *signal = sigabbrev_np((int)stall->end_signal), *end = "";
	char duration[FORMAT_NUMBER_BYTES], place[WORDING_DEATH_BYTES / 2],
		waiters[WORDING_END_BYTES];

	buf[0] = '\0';
	if (stall->end == LS_END_EXIT)
		end = "exited";
	else if (stall->end == LS_END_EXEC)
		end = "executed another program";
	else if (stall->end != LS_END_SIGNAL)
		return;
	death_place(stall, place);
	wording_waiters(stall, waiters);
	snprintf(buf, WORDING_DEATH_BYTES, "%s%s%s %s into a stall: %s%s%s", end,
		 *end ? "" : "killed by SIG",
		 *end		? "" :
			 signal ? signal :
				  "?",
		 format__duration(stall->duration_ns, duration), place, *waiters ? ", " : "",
		 waiters);
}

const struct wording_held *wording_held(const struct stall *stall)
{
	static const struct wording_held gil = { "GIL held", "held the GIL" },
					 locks[LS_LOCK_MAX] = {
						 [LS_LOCK_OWNER] = { "lock held", "held the lock" },
						 [LS_LOCK_RELEASED] = { "lock released",
									"released the lock" },
						 [LS_LOCK_RELEASED_LAST] = { "lock last held",
									     "held the lock last" },
						 [LS_LOCK_PROCESS] = { "file lock taken",
								       "took the file lock" },
					 };

	return stall->cause == LS_CAUSE_LOCK ? &locks[stall->lock_known] : &gil;
}

const struct model_holder *wording_cause_holder(const struct stall *stall)
{
	const struct model_holder *holder = stall->cause == LS_CAUSE_GIL ? &stall->gil_holder :
		stall->cause == LS_CAUSE_LOCK				 ? &stall->lock_holder :
									   NULL;

	return holder && holder->tid && wording_held(stall)->by ? holder : NULL;
}

const char *wording_holder(const struct stall *stall, char buf[WORDING_HOLDER_BYTES])
{
	const struct model_holder *holder = wording_cause_holder(stall);
	const char *collector = holder->is_collecting ? "the garbage collector in " : "";
	const char *when = holder->is_seen_once ? " when the wait began" : "";

	if (holder->is_process && holder->tid == stall->pid)
		snprintf(buf, WORDING_HOLDER_BYTES, "its own process");
	else if (holder->is_process)
		snprintf(buf, WORDING_HOLDER_BYTES, "process %u%s%s", holder->tid,
			 *holder->name ? " " : "", holder->name);
	else if (*holder->name)
		snprintf(buf, WORDING_HOLDER_BYTES, "%sthread %s%s", collector, holder->name, when);
	else
		snprintf(buf, WORDING_HOLDER_BYTES, "%sthread %u%s", collector, holder->tid, when);
	return buf;
}

const struct model_frame *wording_own_frame(const struct stall *stall)
{
	const struct model_frame *own = &stall->own, *call = &stall->call;

	if (!own->function || !call->function || frame_is_same_function(own, call))
		return NULL;
	return own;
}

const struct model_frame *wording_place(const struct stall *stall)
{
	return stall->own.function ? &stall->own : &stall->call;
}
