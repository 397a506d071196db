/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Random events with a fixed seed: what must always hold does. `make fuzz` plays on from there.
 */
#include <criterion/criterion.h>

#include "bpf/host/random.h"

#define RUNS 400
#define EVENTS 500

static uint32_t state = 12345;

static uint8_t next_byte(void)
{
	state = state * 1664525 + 1013904223;
	return state >> 24;
}

Test(bpf_random, what_must_always_hold)
{
	static uint8_t bytes[4 * EVENTS];

	for (int run = 0; run < RUNS; run++) {
		const char *broken;

		for (size_t i = 0; i < sizeof(bytes); i++)
			bytes[i] = next_byte();
		broken = random__play(bytes, sizeof(bytes));
		cr_assert_null(broken, "run %d: %s", run, broken);
	}
}
