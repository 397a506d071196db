/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Schema "loopstall/1": what only the stall line of a turn has.
 */
#include "report/json.h"

#include "model/turn.h"

static json_t *share_json(const struct stall *stall, uint64_t time_ns)
{
	return stall->duration_ns ? json_real((double)time_ns / (double)stall->duration_ns) :
				    json_null();
}

static void add_part(struct jsonx *o, const struct stall *stall, uint32_t steps, uint64_t time_ns)
{
	jsonx_add_u64(o, "steps", steps);
	jsonx_add_u64(o, "duration_ns", time_ns);
	jsonx_add(o, "share", share_json(stall, time_ns));
}

static json_t *made_of_json(const struct stall *stall)
{
	json_t *array = json_array();

	for (size_t i = 0; array && i < stall->turn.n_parts; i++) {
		const struct turn_part *part = &stall->turn.parts[i];
		struct jsonx o = jsonx_object();

		jsonx_add(&o, "coroutine", json__coroutine(&part->coroutine));
		add_part(&o, stall, part->steps, part->duration_ns);
		if (jsonx_append(array, jsonx_end(&o)) < 0) {
			json_decref(array);
			return NULL;
		}
	}
	return array;
}

static json_t *rest_json(const struct stall *stall)
{
	struct jsonx o;

	if (!stall->turn.is_known || !stall->turn.rest_steps)
		return json_null();
	o = jsonx_object();
	add_part(&o, stall, stall->turn.rest_steps, stall->turn.rest_ns);
	return jsonx_end(&o);
}

static json_t *made_by_json(const struct turn_maker *maker)
{
	struct jsonx o;

	if (!maker->n_made)
		return json_null();
	o = jsonx_object();
	jsonx_add(&o, "coroutine", json__coroutine(&maker->coroutine));
	jsonx_add(&o, "call", maker->at.function ? json__frame(&maker->at) : json_null());
	jsonx_add_u64(&o, "steps", maker->n_made);
	jsonx_add(&o, "is_created",
		  maker->origin == LS_MAKER_UNKNOWN ?
			  json_null() :
			  json_boolean(maker->origin == LS_MAKER_CREATED));
	return jsonx_end(&o);
}

void json__add_turn(struct jsonx *o, const struct stall *stall)
{
	const bool is_known = stall->turn.is_known;

	jsonx_add_u64(o, "steps", stall->steps);
	jsonx_add(o, "coroutine_share",
		  turn__coroutine(stall) ? share_json(stall, stall->turn.parts[0].duration_ns) :
					   json_null());
	jsonx_add(o, "made_of", is_known ? made_of_json(stall) : json_null());
	jsonx_add(o, "made_of_rest", rest_json(stall));
	jsonx_add(o, "callbacks_ns", is_known ? jsonx_u64(turn__callbacks_ns(stall)) : json_null());
	jsonx_add(o, "made_by", made_by_json(&stall->turn.maker));
}
