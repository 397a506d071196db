/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Plays bytes as events on the machine and checks what must always hold. Used by the fuzzer and,
 * with a fixed seed, by a unit test.
 */
#ifndef LOOPSTALL_TESTS_HOST_RANDOM_H
#define LOOPSTALL_TESTS_HOST_RANDOM_H

#include <stddef.h>
#include <stdint.h>

/* NULL, or what did not hold. */
const char *random__play(const uint8_t *data, size_t size);

#endif
