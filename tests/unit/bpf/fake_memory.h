/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Target memory for the hosted kernel logic: one region that answers, everything else faults.
 * Defines what bpf/core/port.h asks of its host.
 */
#ifndef LOOPSTALL_TESTS_FAKE_MEMORY_H
#define LOOPSTALL_TESTS_FAKE_MEMORY_H

#define LOOPSTALL_HOSTED

#include <stdint.h>
#include <string.h>

#include <loopstall/abi.h>

#define FAKE_BASE 0x7f0000000000ULL
#define FAKE_BYTES 65536

static uint8_t fake_bytes[FAKE_BYTES];
static unsigned fake_losses[LS_LOSS_MAX];
static unsigned fake_reads;

static void fake_reset(void)
{
	memset(fake_bytes, 0, sizeof(fake_bytes));
	memset(fake_losses, 0, sizeof(fake_losses));
	fake_reads = 0;
}

static __attribute__((unused)) void fake_put(uint64_t addr, uint64_t value)
{
	memcpy(fake_bytes + (addr - FAKE_BASE), &value, sizeof(value));
}

static __attribute__((unused)) void fake_put_bytes(uint64_t addr, const void *data, size_t size)
{
	memcpy(fake_bytes + (addr - FAKE_BASE), data, size);
}

static __attribute__((unused)) long hosted_read_user(void *dst, __u32 size, const void *src)
{
	uint64_t addr = (uintptr_t)src;

	fake_reads++;
	memset(dst, 0, size); /* as the kernel's helper does on a fault */
	if (addr < FAKE_BASE || addr - FAKE_BASE > FAKE_BYTES - size)
		return -14;
	memcpy(dst, fake_bytes + (addr - FAKE_BASE), size);
	return 0;
}

#ifndef LOOPSTALL_TESTS_BPF_HELPERS_H
static __attribute__((unused)) long hosted_loop(__u32 n, long (*callback)(__u32, void *),
						void *context)
{
	for (__u32 i = 0; i < n; i++)
		if (callback(i, context))
			return i + 1;
	return n;
}

#define bpf_loop(n, callback, context, flags)                                                      \
	hosted_loop((n), (long (*)(__u32, void *))(callback), (context))
#endif

static __attribute__((unused)) void hosted_count_loss(__u32 loss)
{
	fake_losses[loss]++;
}

#endif
