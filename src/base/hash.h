/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * FNV-1a, 64 bits (http://www.isthe.com/chongo/tech/comp/fnv/): start with HASH_SEED, add what
 * counts.
 */
#ifndef LOOPSTALL_BASE_HASH_H
#define LOOPSTALL_BASE_HASH_H

#include <stddef.h>
#include <stdint.h>

#define HASH_SEED 0xcbf29ce484222325ULL
#define HASH_PRIME 0x100000001b3ULL

static inline uint64_t hash_byte(uint64_t hash, unsigned char byte)
{
	return (hash ^ byte) * HASH_PRIME;
}

/* A whole word in one round: faster than byte by byte, and good enough for tables. */
static inline uint64_t hash_word(uint64_t hash, uint64_t word)
{
	return (hash ^ word) * HASH_PRIME;
}

/* A string without its end: add a byte between two of them, or "ab" "c" is "a" "bc". */
static inline uint64_t hash_string(uint64_t hash, const char *text)
{
	for (; *text; text++)
		hash = hash_byte(hash, (unsigned char)*text);
	return hash;
}

#endif
