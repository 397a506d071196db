/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Asks whether a process has a name, as a session does for each program that starts, so that this
 * can be made to fail: `named PID NAME` says yes or no.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "process/target.h"

int main(int argc, char **argv)
{
	int r = argc == 3 ? target__has_name(atoi(argv[1]), argv[2]) : -1;

	if (r < 0) {
		fprintf(stderr, "cannot tell: %s\n", strerror(-r));
		return EXIT_FAILURE;
	}
	if (puts(r ? "yes" : "no") >= 0 && !fflush(stdout))
		return EXIT_SUCCESS;
	perror("cannot write");
	return EXIT_FAILURE;
}
