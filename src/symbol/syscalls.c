/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Names of the system calls of the machine this was built for. The list is generated at build time
 * from <sys/syscall.h>.
 */
#include "symbol/syscalls.h"

static const char *const names[LS_SYSCALLS] = {
#include "syscall_names.inc"
};

const char *syscall_name(uint16_t number)
{
	return number < LS_SYSCALLS ? names[number] : NULL;
}
