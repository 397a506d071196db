/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The text in base64 (RFC 4648), between the sequence's begin and end.
 */
#include "view/clipboard.h"

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAX_BYTES 65536 /* what terminals take as a clipboard */

int clipboard_sequence(const char *text, char **ret_sequence)
{
	static const char digits[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	const size_t size = strlen(text);
	size_t used;
	char *out;

	if (size > MAX_BYTES)
		return -E2BIG;
	out = malloc(size / 3 * 4 + 32);
	if (!out)
		return -ENOMEM;
	used = (size_t)sprintf(out, "\033]52;c;");
	for (size_t i = 0; i < size; i += 3) {
		const size_t left = size - i;
		const uint32_t bits = (uint32_t)(uint8_t)text[i] << 16 |
			(left > 1 ? (uint32_t)(uint8_t)text[i + 1] << 8 : 0) |
			(left > 2 ? (uint32_t)(uint8_t)text[i + 2] : 0);

		out[used++] = digits[bits >> 18];
		out[used++] = digits[bits >> 12 & 63];
		out[used++] = left > 1 ? digits[bits >> 6 & 63] : '=';
		out[used++] = left > 2 ? digits[bits & 63] : '=';
	}
	strcpy(out + used, "\a");
	*ret_sequence = out;
	return 0;
}
