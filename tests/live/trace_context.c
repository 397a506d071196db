/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A publisher of trace contexts as OTEP 4947 describes it, for programs/traced.py: the exported
 * variable, and functions that point it to a record. Built once for each way in which code may
 * reach such a variable (tests/live/Makefile).
 */
#include <stdint.h>
#include <string.h>

struct record {
	uint8_t trace_id[16], span_id[8];
	uint8_t is_valid, flags;
	uint16_t attrs_bytes;
	uint8_t attrs[4];
};

_Static_assert(sizeof(struct record) == 32, "28 bytes, and attributes");

#define EXPORTED __attribute__((visibility("default")))

EXPORTED __thread const void *otel_thread_ctx_v1;

static __thread struct record own;
#ifdef PADDING
/* More than the loader has room for beside the other modules: each thread allocates its block. */
static __thread char padding[PADDING];
#endif

EXPORTED void attach(const uint8_t *trace_id, const uint8_t *span_id, int is_valid);
EXPORTED void attach_address(uintptr_t address);
EXPORTED void detach(void);

/* A torn record is one that its owner is just writing. */
EXPORTED void attach(const uint8_t *trace_id, const uint8_t *span_id, int is_valid)
{
	own.is_valid = 0;
	__atomic_signal_fence(__ATOMIC_SEQ_CST);
	memcpy(own.trace_id, trace_id, sizeof(own.trace_id));
	memcpy(own.span_id, span_id, sizeof(own.span_id));
	own.flags = 1;
	own.attrs_bytes = UINT16_MAX;
	__atomic_signal_fence(__ATOMIC_SEQ_CST);
	own.is_valid = (uint8_t)is_valid;
	otel_thread_ctx_v1 = &own;
#ifdef PADDING
	padding[0] = 1;
#endif
	__atomic_signal_fence(__ATOMIC_SEQ_CST);
}

EXPORTED void attach_address(uintptr_t address)
{
	otel_thread_ctx_v1 = (const void *)address;
	__atomic_signal_fence(__ATOMIC_SEQ_CST);
}

EXPORTED void detach(void)
{
	attach_address(0);
}
