/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Whatever happens on a machine, in whatever order, the kernel side keeps its promises.
 */
#include <stdio.h>
#include <stdlib.h>

#include "bpf/host/random.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *broken = random__play(data, size);

	if (broken) {
		fprintf(stderr, "does not hold: %s\n", broken);
		abort();
	}
	return 0;
}
