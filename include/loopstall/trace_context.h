/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * The trace context of a thread, which its process publishes for readers outside: the variable
 * `otel_thread_ctx_v1` and the record that it points to (OpenTelemetry, OTEP 4947, "Thread Context:
 * Sharing Thread-Level Information with External Readers"). User space finds the variable, the
 * kernel side reads the record while its thread stands still.
 */
#ifndef LOOPSTALL_TRACE_CONTEXT_H
#define LOOPSTALL_TRACE_CONTEXT_H

#include <linux/types.h>

#define LS_TRACE_VARIABLE "otel_thread_ctx_v1"
#define LS_TRACE_MODULES 4096 /* more are no module's number */

/* How each thread finds its own variable. */
enum ls_trace_place {
	LS_TRACE_NONE, /* the process has none, or it is not known where */
	LS_TRACE_STATIC, /* at `offset` from the thread pointer */
	LS_TRACE_DYNAMIC, /* at `offset` in the thread's block of that module */
};

struct ls_trace_variable {
	__u64 offset;
	__u32 module;
	__u32 place; /* enum ls_trace_place */
};

/* The bytes in the order of the W3C's trace context. All 0: none, or not known. */
struct ls_trace_context {
	__u64 trace_id[2], span_id;
};

/* The head of the record, as far as it is read. */
struct ls_trace_record {
	struct ls_trace_context context;
	__u8 is_valid; /* 1: it is; all other values: ignore it */
	__u8 pad[7]; /* not read */
};

#define LS_TRACE_RECORD_BYTES 25 /* of the structure that are read */

_Static_assert(sizeof(struct ls_trace_variable) == 16, "part of a process's configuration");
_Static_assert(__builtin_offsetof(struct ls_trace_record, pad) == LS_TRACE_RECORD_BYTES,
	       "the head of the record is packed");

#endif
