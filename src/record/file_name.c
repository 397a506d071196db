/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * See file_name.h.
 */
#include "record/file_name.h"

#include <stdio.h>
#include <time.h>

#include "base/time.h"

void recording_name(const struct recording_id *id, unsigned int number,
		    char ret_name[RECORDING_NAME_BYTES])
{
	const time_t s = (time_t)(id->unix_ns / NS_PER_S);
	char stamp[32], tail[16] = "";
	struct tm tm;

	gmtime_r(&s, &tm);
	strftime(stamp, sizeof(stamp), "%Y%m%dT%H%M%S", &tm);
	if (number > 1)
		snprintf(tail, sizeof(tail), "-%u", number);
	snprintf(ret_name, RECORDING_NAME_BYTES, "loopstall-%s.%03uZ-%d-%.16s%s.ls", stamp,
		 (unsigned int)(id->unix_ns / NS_PER_MS % 1000), (int)id->pid, id->reason, tail);
}
