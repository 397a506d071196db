/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Symbols of C++ and Rust. A name ends in its buffer, and no symbol takes long: what it stands for
 * may be endless.
 */
#include "base/time.h"
#include "symbol/demangle.h"
#include "tests/fuzz/fuzz.h"

#define MAX_SYMBOL 1024

static void check(const char *symbol, size_t size)
{
	const uint64_t start_ns = time_now_ns(CLOCK_THREAD_CPUTIME_ID);
	char name[256];

	fuzz_check(size <= sizeof(name));
	demangle(symbol, name, size);
	fuzz_check(strnlen(name, size) < size);
	fuzz_check(time_now_ns(CLOCK_THREAD_CPUTIME_ID) - start_ns < NS_PER_S);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char symbol[MAX_SYMBOL + 3] = "_Z";

	if (size > MAX_SYMBOL)
		size = MAX_SYMBOL;
	memcpy(symbol + 2, data, size);
	check(symbol, 256);
	symbol[1] = 'R';
	check(symbol, 256);
	check(symbol, 8);
	return 0;
}
