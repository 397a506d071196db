/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * FNV-1a against its published test vectors.
 */
#include "base/hash.h"

#include <criterion/criterion.h>

Test(hash, published_vectors)
{
	cr_expect_eq(hash_string(HASH_SEED, ""), 0xcbf29ce484222325ULL);
	cr_expect_eq(hash_string(HASH_SEED, "a"), 0xaf63dc4c8601ec8cULL);
	cr_expect_eq(hash_string(HASH_SEED, "foobar"), 0x85944171f73967e8ULL);
}

Test(hash, string_is_its_bytes)
{
	uint64_t hash = HASH_SEED;

	hash = hash_byte(hash, 'f');
	hash = hash_byte(hash, 0xff);
	cr_expect_eq(hash, hash_string(HASH_SEED, "f\xff"));
	cr_expect_eq(hash_string(hash_string(HASH_SEED, "foo"), "bar"),
		     hash_string(HASH_SEED, "foobar"));
}

Test(hash, byte_between_strings_tells_them_apart)
{
	const uint64_t a = hash_byte(hash_string(HASH_SEED, "ab"), 0);
	const uint64_t b = hash_byte(hash_string(HASH_SEED, "a"), 0);

	cr_expect_neq(hash_string(a, "c"), hash_string(b, "bc"));
}

Test(hash, order_of_words_counts)
{
	const uint64_t a = hash_word(hash_word(HASH_SEED, 1), 2);
	const uint64_t b = hash_word(hash_word(HASH_SEED, 2), 1);

	cr_expect_neq(a, b);
}
