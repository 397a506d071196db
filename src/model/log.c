/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * See log.h.
 */
#include "model/log.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define LOG_TEXT_BYTES 1024

int log__add(struct log *l, uint64_t now_ns, enum log_grade grade, uint32_t pid, const char *text)
{
	struct log_line *line = &l->ring[l->n % MODEL_MAX_LOG];
	char *copy = strndup(text ? text : "", LOG_TEXT_BYTES - 1);

	if (!copy)
		return -ENOMEM;
	free(line->text);
	line->text = copy;
	line->row = (struct log_row){
		.number = ++l->n, .at_ns = now_ns, .grade = grade, .pid = pid, .text = copy
	};
	return 0;
}

void log__rows(struct log *l, struct snapshot *ret_snapshot)
{
	const size_t n = l->n < MODEL_MAX_LOG ? l->n : MODEL_MAX_LOG;

	for (size_t i = 0; i < n; i++)
		l->rows[i] = l->ring[(l->n - 1 - i) % MODEL_MAX_LOG].row;
	ret_snapshot->n_log = n;
	ret_snapshot->log = l->rows;
}

void log__done(struct log *l)
{
	for (size_t i = 0; i < MODEL_MAX_LOG; i++)
		free(l->ring[i].text);
	memset(l, 0, sizeof(*l));
}
