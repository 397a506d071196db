/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The CRC-32 of zlib, PNG and Ethernet (reflected polynomial 0xedb88320), so that common tools can
 * check a recording.
 */
#ifndef LOOPSTALL_RECORD_CRC32_H
#define LOOPSTALL_RECORD_CRC32_H

#include <stddef.h>
#include <stdint.h>

uint32_t crc32__of(const void *data, size_t n);

#endif
