/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * See interrupt.h.
 */
#include "base/interrupt.h"

#include <signal.h>

static bool is_noted;

bool interrupt_is_pending(void)
{
	sigset_t waiting;

	return !sigpending(&waiting) &&
		(sigismember(&waiting, SIGINT) || sigismember(&waiting, SIGTERM));
}

void interrupt_note(void)
{
	is_noted = true;
}

bool interrupt_is_due(void)
{
	return is_noted || interrupt_is_pending();
}
