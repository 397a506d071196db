/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One raw record of the ring buffer, decoded and given to a model. Its length is set right at some,
 * because hardly any would come through otherwise.
 */
#include <criterion/criterion.h>

#include "model/script.h"
#include "stream/event.h"
#include "stream/pystr.h"
#include "tests/fuzz/fuzz.h"

static void take(const struct event *event)
{
	const struct resolver resolver = { &script_ops, NULL };
	const struct snapshot *snapshot;
	struct model *model;
	char name[64];

	if (event->kind == LS_REC_VICTIM) {
		pystr__to_utf8(&event->victim->name, name, sizeof(name));
		fuzz_check(strnlen(name, sizeof(name)) < sizeof(name));
	}
	fuzz_check(!model__new(&model, &resolver, NULL, NULL));
	model__event(model, event);
	fuzz_check(!model__snapshot(model, &snapshot));
	model__free(model);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const bool has_right_length = size && data[0] & 1;
	struct event event;
	void *record;

	if (size < 1 + sizeof(struct ls_rec_hdr) || size > UINT16_MAX)
		return 0;
	size--;
	fuzz_check(!posix_memalign(&record, 8, size));
	memcpy(record, data + 1, size);
	if (has_right_length)
		((struct ls_rec_hdr *)record)->len = (uint16_t)size;
	if (!event__decode(record, size, &event))
		take(&event);
	free(record);
	return 0;
}
