/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The handlers work once: raised again, the signal ends the program.
 */
#include "view/crash.h"

#include <signal.h>
#include <stddef.h>

#include "base/array.h"

static const int signals[] = { SIGSEGV, SIGBUS,	 SIGFPE,  SIGILL, SIGABRT,
			       SIGSYS,	SIGTRAP, SIGQUIT, SIGHUP };

static void (*first)(void);

static void on_crash(int number)
{
	first();
	raise(number);
}

void crash_call_first(void (*fn)(void))
{
	const struct sigaction action = { .sa_handler = fn ? on_crash : SIG_DFL,
					  .sa_flags = fn ? (int)SA_RESETHAND : 0 };

	if (fn)
		first = fn;
	for (size_t i = 0; i < N_OF(signals); i++)
		sigaction(signals[i], &action, NULL);
}
