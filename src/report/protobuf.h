/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Protocol buffers, as far as they are written here: numbers, strings, messages and packed lists
 * (the wire format of the public specification: a key is field << 3 | type).
 */
#ifndef LOOPSTALL_REPORT_PROTOBUF_H
#define LOOPSTALL_REPORT_PROTOBUF_H

#include <stddef.h>
#include <stdint.h>

/*
 * A message under construction. Zero it first. A failure is latched in `r`: check it once, at the
 * end.
 */
struct protobuf {
	uint8_t *data;
	size_t size, room;
	int r; /* 0 or -ENOMEM */
};

void protobuf__done(struct protobuf *p);
/* For the next message in the same memory. */
void protobuf__clear(struct protobuf *p);

/* Fields. 0 is the default and is not written. */
void protobuf__u64(struct protobuf *p, unsigned int field, uint64_t value);
void protobuf__bytes(struct protobuf *p, unsigned int field, const void *data, size_t size);
void protobuf__message(struct protobuf *p, unsigned int field, const struct protobuf *message);
void protobuf__packed(struct protobuf *p, unsigned int field, const uint64_t *values, size_t n);
/* Also if it is 0. */
void protobuf__fixed64(struct protobuf *p, unsigned int field, uint64_t value);
void protobuf__double(struct protobuf *p, unsigned int field, double value);
void protobuf__packed_fixed64(struct protobuf *p, unsigned int field, const uint64_t *values,
			      size_t n);
/* Its fields behind ours, as if they had been written here. */
void protobuf__join(struct protobuf *p, const struct protobuf *other);

#endif
