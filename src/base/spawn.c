/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * See spawn.h.
 */
#include "base/spawn.h"

#include <signal.h>
#include <stddef.h>
#include <sys/prctl.h>

#define SELF "/proc/self/exe"

static int set_attributes(posix_spawnattr_t *attributes)
{
	sigset_t none, all;
	int r;

	sigemptyset(&none);
	sigfillset(&all);
	r = posix_spawnattr_setsigmask(attributes, &none);
	if (!r)
		r = posix_spawnattr_setsigdefault(attributes, &all);
	if (!r)
		r = posix_spawnattr_setflags(attributes,
					     POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF |
						     POSIX_SPAWN_SETPGROUP);
	return -r;
}

int spawn_part(pid_t *ret_pid, const char *program, const posix_spawn_file_actions_t *actions,
	       char *const argv[])
{
	char *const none[] = { NULL };
	posix_spawnattr_t attributes;
	int r = -posix_spawnattr_init(&attributes);

	if (r)
		return r;
	r = set_attributes(&attributes);
	if (!r)
		r = -posix_spawn(ret_pid, program ? program : SELF, actions, &attributes, argv,
				 none);
	posix_spawnattr_destroy(&attributes);
	return r;
}

void spawn_ignore_signals(void)
{
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	signal(SIGINT, SIG_IGN);
	signal(SIGTERM, SIG_IGN);
	signal(SIGHUP, SIG_IGN);
	signal(SIGPIPE, SIG_IGN);
}
