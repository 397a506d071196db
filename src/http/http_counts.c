/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The words of the counts.
 */
#include "http/http_counts.h"

const struct http_count_info http_count_infos[HTTP_COUNT_MAX] = {
#define _(name, sentence) [HTTP_COUNT_##name] = { #name, sentence },
	HTTP_COUNTS(_)
#undef _
};
