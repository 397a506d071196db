/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The version, said once.
 */
#ifndef LOOPSTALL_APP_VERSION_H
#define LOOPSTALL_APP_VERSION_H

#define LOOPSTALL_VERSION "0.1.0"

#endif
