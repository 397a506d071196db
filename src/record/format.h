/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Constants and structures of the file format, shared by writer and reader; docs/recording.md
 * documents every byte. Numbers are little-endian, as are all supported machines.
 */
#ifndef LOOPSTALL_RECORD_FORMAT_H
#define LOOPSTALL_RECORD_FORMAT_H

#include <stdint.h>

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__,
	       "records are copied as they lie in memory");

#define FORMAT_VERSION 2 /* the highest that is read */
#define FORMAT_VERSION_PLAIN 1
#define FORMAT_VERSION_RING 2 /* tables may begin anew; the first chunk has any number */
/* A byte above 127 first and both kinds of line end: a transfer in text mode is detected. */
#define FORMAT_MAGIC "\x89LSTALL\r\n\x1a\n\0\0\0\0\0"
#define FORMAT_MAGIC_BYTES 16

struct format_head {
	char magic[FORMAT_MAGIC_BYTES];
	uint32_t version;
	uint32_t body_bytes; /* of shape and meta, which follow */
	uint32_t body_crc;
	uint32_t crc; /* of all above */
};

#define FORMAT_CHUNK_MAGIC 0x4b43534cU /* "LSCK" */
#define FORMAT_CHUNK_END 1 /* flag: last chunk */

struct format_chunk {
	uint32_t magic;
	uint32_t crc; /* of what follows in this header */
	uint32_t payload_crc;
	uint32_t payload_bytes; /* as in the file: one zstd frame */
	uint32_t raw_bytes; /* as it was before */
	uint32_t flags;
	uint64_t number; /* from 0 */
	uint64_t first_ns, last_ns; /* earliest and latest input, CLOCK_MONOTONIC */
};

_Static_assert(sizeof(struct format_head) == 32, "file head");
_Static_assert(sizeof(struct format_chunk) == 48, "chunk head");

/*
 * Kinds of records in a chunk. The first ones are inputs of the model and carry their time; the
 * others hold what the inputs behind them need.
 */
enum format_kind {
	FORMAT_NONE,
	FORMAT_EVENT_THREAD,
	FORMAT_EVENT_STACK,
	FORMAT_EVENT_VICTIM,
	FORMAT_EVENT_STALL,
	FORMAT_EVENT_EXEC,
	FORMAT_EVENT_EXIT,
	FORMAT_COROUTINE,
	FORMAT_THREAD,
	FORMAT_LOSS,
	FORMAT_LOOP,
	FORMAT_TASKS,
	FORMAT_LOG,
	FORMAT_TICK,
	FORMAT_LIVE,
	FORMAT_RESET,
	FORMAT_EVENT_NATIVE,
	FORMAT_POOLS,
	FORMAT_EVENT_TURN,
	FORMAT_LIVES,
	FORMAT_N_INPUTS,
	FORMAT_ANSWER = 32,
	FORMAT_TASK_ROW,
	FORMAT_NOTE,
	FORMAT_FORGET,
	FORMAT_ANEW,
	FORMAT_ANEW_END,
};

/* How a row of tasks is encoded: unchanged from the previous list, changed, or new. */
enum format_row { FORMAT_ROW_KEEP, FORMAT_ROW_CHANGE, FORMAT_ROW_NEW, FORMAT_ROW_MAX };
#define FORMAT_ROW_BITS 2 /* low bits; the rest of the number counts the rows that are skipped */

/* Optional parts of a changed row; a new row has all. */
#define FORMAT_HAS_NAME 1
#define FORMAT_HAS_WAITS_FOR 2
#define FORMAT_HAS_FRAMES 4
#define FORMAT_HAS_ALL 7

/* Limits for both sides. */
#define FORMAT_MAX_BODY_BYTES (1U << 20)
#define FORMAT_MAX_RAW_BYTES (4U << 20) /* of one chunk */
#define FORMAT_SOFT_RAW_BYTES (256U << 10) /* a chunk is closed behind it */
#define FORMAT_MAX_CHUNKS (4U << 20)
#define FORMAT_MAX_TEXT_BYTES 20000U /* of one string */
#define FORMAT_MAX_STRINGS 65536U /* known by number at a time */
#define FORMAT_MAX_POOL_BYTES (64U << 20) /* of all strings of a file */
#define FORMAT_MAX_ANSWERS 262144U
#define FORMAT_MAX_FRAMES 65536U
#define FORMAT_MAX_COROUTINES 16384U
#define FORMAT_MAX_THREADS 8192U
#define FORMAT_MAX_LIVE 1024U
#define FORMAT_MAX_TASKS 65536U
#define FORMAT_MAX_LIVES 64U /* groups of tasks in one look */
#define FORMAT_MAX_ROWS (1U << 20) /* of tasks handed over in one chunk */
#define FORMAT_MAX_TIME_NS (1ULL << 62) /* 146 years after a boot: sums of times do not wrap */
#define FORMAT_MAX_LOSSES 256U
#define FORMAT_MAX_NOTES 4096U

#endif
