/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * See machine.h.
 */
#include "session/machine.h"

#include <stdio.h>
#include <unistd.h>

#include "base/cleanup.h"

static void read_cpu(struct machine_use *use)
{
	_cleanup_(file_close) FILE *in = fopen("/proc/stat", "re");
	unsigned long long user, nice, system, idle, iowait, irq, softirq, steal;
	const uint64_t tick_ns = 1000000000ULL / (uint64_t)sysconf(_SC_CLK_TCK);

	use->has_cpu = in &&
		fscanf(in, "cpu %llu %llu %llu %llu %llu %llu %llu %llu", &user, &nice, &system,
		       &idle, &iowait, &irq, &softirq, &steal) == 8;
	if (!use->has_cpu)
		return;
	use->stolen_ns = steal * tick_ns;
	use->wanted_ns = (user + nice + system + irq + softirq + steal) * tick_ns;
}

static void read_pressure(struct machine_use *use)
{
	_cleanup_(file_close) FILE *in = fopen("/proc/pressure/cpu", "re");
	unsigned long long total_us;

	use->has_pressure =
		in && fscanf(in, "some avg10=%*s avg60=%*s avg300=%*s total=%llu", &total_us) == 1;
	if (use->has_pressure)
		use->pressure_ns = total_us * 1000;
}

struct machine_use machine__read(void)
{
	struct machine_use use = {};

	read_cpu(&use);
	read_pressure(&use);
	return use;
}

/* The kernel's sums over CPUs may go back by a tick. */
static uint64_t grown_ns(uint64_t now_ns, uint64_t before_ns)
{
	return now_ns > before_ns ? now_ns - before_ns : 0;
}

struct machine_use machine__since(const struct machine_use *before)
{
	const struct machine_use now = machine__read();

	return (struct machine_use){
		.has_cpu = now.has_cpu && before->has_cpu,
		.stolen_ns = grown_ns(now.stolen_ns, before->stolen_ns),
		.wanted_ns = grown_ns(now.wanted_ns, before->wanted_ns),
		.has_pressure = now.has_pressure && before->has_pressure,
		.pressure_ns = grown_ns(now.pressure_ns, before->pressure_ns),
	};
}
