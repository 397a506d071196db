// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/*
 * Defines the maps and settings of maps.h, once for all programs.
 */
#include "core/maps.h"
#include "core/meter.h"

struct threads_map threads SEC(".maps");
struct stacks_map stacks SEC(".maps");
struct holders_map holders SEC(".maps");
struct procs_map procs SEC(".maps");
struct requests_map requests SEC(".maps");
struct loops_map loops SEC(".maps");
struct coroutine_index_map coroutine_index SEC(".maps");
struct coroutine_stats_map coroutine_stats SEC(".maps");
struct coroutine_free_map coroutine_free SEC(".maps");
struct tasks_map tasks SEC(".maps");
struct loop_threads_map loop_threads SEC(".maps");
struct copied_codes_map copied_codes SEC(".maps");
struct thread_stats_map thread_stats SEC(".maps");
struct losses_map losses SEC(".maps");
struct clocks_map clocks SEC(".maps");
struct cpu_waits_map cpu_waits SEC(".maps");
struct lock_watches_map lock_watches SEC(".maps");
struct ring_map ring SEC(".maps");

__u32 n_coroutines = 0;
struct ls_meter meters[LS_METER_CPUS * LS_METER_ROW] = {};
struct ls_budgets budgets = {};
volatile struct ls_clock_status clock_status = {};
__u64 clock_flags = 0;
__u8 returns_are_unseen = 0;
__u32 n_lock_watches = 0;
volatile __u64 trial_ticks = 0;

volatile struct ls_settings settings = { .threshold_ns = 10000000,
					 .sample_after_ns = 2000000,
					 .light_threshold_ns = 10000000,
					 .sample_period_ns = 2000000,
					 .copy_price_ns = LS_NO_COPIES };
const volatile __u8 syscall_rules[LS_SYSCALLS] = {};

char LICENSE[] SEC("license") = "Dual BSD/GPL";
