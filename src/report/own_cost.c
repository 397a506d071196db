/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A part that is not known is reported as not known, never as 0.
 */
#include "report/own_cost.h"

#include "report/format.h"
#include "report/jsonx.h"

uint64_t own_cost__sum_ns(const struct own_cost *c)
{
	return c->self_ns + (c->has_programs ? c->programs_ns : 0) +
		(c->has_traps ? c->traps_ns : 0);
}

void own_cost__put(FILE *out, const struct own_cost *c, uint64_t duration_ns)
{
	char a[FORMAT_NUMBER_BYTES], b[FORMAT_NUMBER_BYTES];

	fprintf(out, "own cost: %s of a core",
		format__percent(own_cost__sum_ns(c), duration_ns, a));
	if (!c->has_programs) {
		fputs(" for loopstall itself", out);
		return;
	}
	fprintf(out, ": programs %s, traps ", format__percent(c->programs_ns, duration_ns, a));
	if (!c->has_traps)
		fprintf(out, "not known (%s hits)", format__count(c->hits, b));
	else
		fprintf(out, "%s (%s hits of %s)", format__percent(c->traps_ns, duration_ns, a),
			format__count(c->hits, b),
			format__duration(c->ns_per_hit, (char[FORMAT_NUMBER_BYTES]){ 0 }));
	fprintf(out, ", loopstall itself %s", format__percent(c->self_ns, duration_ns, a));
}

static json_t *known_u64(bool is_known, uint64_t value)
{
	return is_known ? jsonx_u64(value) : json_null();
}

json_t *own_cost__json(const struct own_cost *c, uint64_t duration_ns)
{
	const bool is_whole = c->has_programs && c->has_traps && duration_ns;
	struct jsonx o = jsonx_object();

	jsonx_add(&o, "programs_ns", known_u64(c->has_programs, c->programs_ns));
	jsonx_add(&o, "traps_ns", known_u64(c->has_traps, c->traps_ns));
	jsonx_add_u64(&o, "self_ns", c->self_ns);
	jsonx_add(&o, "hits", known_u64(c->has_programs, c->hits));
	jsonx_add(&o, "ns_per_hit", known_u64(c->has_traps, c->ns_per_hit));
	jsonx_add(&o, "program_ns_per_hit", known_u64(c->has_programs, c->program_ns_per_hit));
	jsonx_add(&o, "share",
		  is_whole ? json_real((double)own_cost__sum_ns(c) / (double)duration_ns) :
			     json_null());
	return jsonx_end(&o);
}
