/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The objects of schema "loopstall/1" (docs/json.md), for the formats that hand them on. Each
 * returns a new reference, or NULL if memory was short.
 */
#ifndef LOOPSTALL_REPORT_JSON_H
#define LOOPSTALL_REPORT_JSON_H

#include "report/jsonx.h"
#include "report/report.h"

/* What every line begins with. */
struct jsonx json__line(const char *type, const char *mode);
json_t *json__start(const struct report_start *start, const struct report_opts *opts);
json_t *json__stall(const struct stall *stall, const struct report_opts *opts);
json_t *json__summary(const struct snapshot *snapshot, const struct report_run *run,
		      const struct report_opts *opts);

/* What to fix first, most starved first, and the sentence above it: null if nothing stalled. */
json_t *json__findings(const struct snapshot *s);
json_t *json__headline(const struct snapshot *s);
/* {"key", "rows"} */
json_t *json__groups(const struct snapshot *s, enum group_key key);

/* Number of victims by this name, starved_ns and sockets; null if they are not known. */
void json__add_victims(struct jsonx *o, const char *count, const struct stall *stall);
/* The fields that only a turn has. */
void json__add_turn(struct jsonx *o, const struct stall *stall);
/* {"name", "file", "line"}; null if there is no name. */
json_t *json__coroutine(const struct code_info *code);
/* {"function", "file", "line"} */
json_t *json__frame(const struct model_frame *frame);
/* Time by cause; causes without time are left out. */
json_t *json__causes(const uint64_t cause_ns[LS_CAUSE_MAX]);

#endif
