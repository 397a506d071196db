/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Stalled time by stack: nothing of it is lost, whatever the stall looks like, and however many
 * there are. Numbered byte strings, and the wire format of protocol buffers.
 */
#include "report/intern.h"
#include "report/protobuf.h"
#include "report/stacks.h"
#include "report/stalls.h"

static uint64_t sum_ns(const struct stacks *s)
{
	uint64_t sum = 0;

	for (uint32_t i = 0; i < stacks__n_nodes(s); i++)
		sum += s->nodes[i].self_ns;
	return sum;
}

static void check_label(const struct stacks *s, uint32_t node, const char *expected)
{
	char *label = stacks__label(s, s->nodes[node].frame);

	cr_expect_str_eq(label, expected);
	free(label);
}

Test(stacks, main_cause_goes_to_the_stack_and_the_rest_to_the_coroutine)
{
	struct stacks_part parts[LS_CAUSE_MAX];
	struct stacks s = {};
	struct stall stall;
	uint32_t node;

	stall_init(&stall);
	cr_assert_eq(stacks__init(&s), 0);
	cr_assert_eq(stacks__add(&s, &stall, parts), 2);
	cr_expect_eq(parts[0].ns, 50 * MS);
	cr_expect_eq(parts[1].ns, 300000);
	node = parts[0].node;
	check_label(&s, node, "[sleep]");
	check_label(&s, node = s.nodes[node].parent, "fetch_row /srv/app/db.py:31");
	check_label(&s, node = s.nodes[node].parent, "handler /srv/app/web.py:14");
	check_label(&s, node = s.nodes[node].parent, "handler() /srv/app/web.py:10");
	cr_expect_eq(s.nodes[parts[1].node].parent, node);
	check_label(&s, parts[1].node, "[cpu]");
	check_label(&s, node = s.nodes[node].parent, "loop 4243 of 4242");
	cr_expect_eq(s.nodes[node].parent, STACKS_ROOT);
	cr_expect_eq(s.nodes[parts[0].node].stalls, 1);
	cr_expect_eq(s.nodes[parts[1].node].stalls, 0);
	cr_expect_eq(s.nodes[parts[0].node].starved_ns, 700 * MS);
	stacks__done(&s);
}

Test(stacks, native_frames_are_inside_the_innermost_frame)
{
	struct stacks_part parts[LS_CAUSE_MAX];
	struct stacks s = {};
	struct stall stall;
	uint32_t node;

	stall_init(&stall);
	stall.native_stack[0].name = "libz.so.1:deflate";
	stall.native_stack[1].name = "libz.so.1+0x10";
	stall.native_stack[2].name = "libz.so.1+0x20";
	stall.n_native = 3;
	cr_assert_eq(stacks__init(&s), 0);
	cr_assert_eq(stacks__add(&s, &stall, parts), 2);
	node = s.nodes[parts[0].node].parent;
	check_label(&s, node, "deflate libz.so.1");
	check_label(&s, node = s.nodes[node].parent, "(libz.so.1)");
	check_label(&s, node = s.nodes[node].parent, "fetch_row /srv/app/db.py:31");
	cr_expect_eq(sum_ns(&s), stall.duration_ns);
	stacks__done(&s);
}

Test(stacks, same_stack_same_node)
{
	struct stacks_part a[LS_CAUSE_MAX], b[LS_CAUSE_MAX];
	struct stacks s = {};
	struct stall stall;

	stall_init(&stall);
	cr_assert_eq(stacks__init(&s), 0);
	stacks__add(&s, &stall, a);
	stacks__add(&s, &stall, b);
	cr_expect_eq(a[0].node, b[0].node);
	cr_expect_eq(s.nodes[a[0].node].self_ns, 100 * MS);
	/* Another line of the same function is another frame. */
	stall.stack[0].line++;
	stacks__add(&s, &stall, b);
	cr_expect_neq(a[0].node, b[0].node);
	cr_expect_eq(sum_ns(&s), 3 * stall.duration_ns);
	stacks__done(&s);
}

Test(stacks, what_is_not_known_has_a_name)
{
	struct stacks_part parts[LS_CAUSE_MAX];
	struct stacks s = {};
	struct stall stall;

	stall_init(&stall);
	cr_assert_eq(stacks__init(&s), 0);
	stall.coroutine = (struct code_info){ NULL, NULL, 0 };
	stall.n_frames = 0;
	stall.unit = LS_UNIT_CALLBACK;
	stacks__add(&s, &stall, parts);
	/* The call alone is a stack of one frame. */
	check_label(&s, s.nodes[parts[0].node].parent, "fetch_row /srv/app/db.py:31");
	check_label(&s, s.nodes[parts[1].node].parent, "(callback)");
	stall.call.function = NULL;
	stacks__add(&s, &stall, parts);
	check_label(&s, s.nodes[parts[0].node].parent, "(callback)");
	cr_expect_eq(sum_ns(&s), 2 * stall.duration_ns);
	stacks__done(&s);
}

Test(stacks, deepest_stack_fits_the_depth)
{
	struct stacks_part parts[LS_CAUSE_MAX];
	struct stacks s = {};
	struct stall stall;
	size_t depth = 0;

	stall_init(&stall);
	stall.n_frames = LS_MAX_FRAMES;
	for (size_t i = 0; i < LS_MAX_FRAMES; i++)
		stall.stack[i] = (struct model_frame){ "f", "file.py", (uint32_t)i };
	cr_assert_eq(stacks__init(&s), 0);
	stacks__add(&s, &stall, parts);
	for (uint32_t n = parts[0].node; n != STACKS_ROOT; n = s.nodes[n].parent)
		depth++;
	cr_expect_leq(depth, STACKS_MAX_DEPTH);
	stacks__done(&s);
}

Test(stacks, time_stays_when_there_is_no_room_for_stacks)
{
	struct stacks_part parts[LS_CAUSE_MAX];
	struct stacks s = {};
	struct stall stall;
	uint64_t n = 0;

	stall_init(&stall);
	stall.n_frames = LS_MAX_FRAMES;
	for (size_t i = 0; i < LS_MAX_FRAMES; i++)
		stall.stack[i] = (struct model_frame){ "f", "file.py", 1 };
	cr_assert_eq(stacks__init(&s), 0);
	for (; !s.cut; n++) {
		stall.stack[LS_MAX_FRAMES - 1].line = (uint32_t)n + 2;
		cr_assert_geq(stacks__add(&s, &stall, parts), 0);
	}
	cr_expect_eq(stacks__n_nodes(&s), STACKS_MAX_NODES);
	cr_expect_gt(n, STACKS_MAX_NODES / (LS_MAX_FRAMES + 4));
	cr_expect_eq(sum_ns(&s), n * stall.duration_ns);
	stacks__done(&s);
}

Test(intern, numbers_come_in_order_and_stay)
{
	struct intern in = {};
	uint32_t n;

	cr_expect_eq(intern__add_text(&in, "a", &n), 1);
	cr_expect_eq(n, 0);
	for (uint32_t i = 0; i < 1000; i++)
		cr_expect_eq(intern__add(&in, &i, sizeof(i), &n), 1);
	cr_expect_eq(n, 1000);
	cr_expect_eq(intern__add_text(&in, "a", &n), 0);
	cr_expect_eq(n, 0);
	cr_expect_str_eq(intern__key(&in, 0), "a");
	cr_expect(!intern__find(&in, "b", 2, &n));
	/* As bytes, "a" without its NUL is another key. */
	cr_expect_eq(intern__add(&in, "a", 1, &n), 1);
	intern__done(&in);
	cr_expect_eq(in.n, 0);
}

static void check_bytes(const struct protobuf *p, const char *bytes, size_t size)
{
	cr_assert_eq(p->r, 0);
	cr_assert_eq(p->size, size, "%zu bytes", p->size);
	cr_assert_eq(memcmp(p->data, bytes, size), 0);
}

/* The examples of the public specification of the encoding, and the ends of the range. */
Test(protobuf, wire_format)
{
	const uint64_t packed[] = { 3, 270, 86942 };
	struct protobuf p = {}, inner = {};

	protobuf__u64(&p, 1, 150);
	check_bytes(&p, "\x08\x96\x01", 3);
	protobuf__message(&inner, 3, &p);
	check_bytes(&inner, "\x1a\x03\x08\x96\x01", 5);
	protobuf__clear(&p);
	protobuf__bytes(&p, 2, "testing", 7);
	check_bytes(&p, "\x12\x07testing", 9);
	protobuf__clear(&p);
	protobuf__packed(&p, 6, packed, 3);
	check_bytes(&p, "\x32\x06\x03\x8e\x02\x9e\xa7\x05", 8);
	protobuf__clear(&p);
	protobuf__u64(&p, 1, 0);
	cr_expect_eq(p.size, 0, "a 0 is not written");
	protobuf__u64(&p, 1, UINT64_MAX);
	check_bytes(&p, "\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", 11);
	protobuf__clear(&p);
	protobuf__u64(&p, 16, 1);
	check_bytes(&p, "\x80\x01\x01", 3);
	protobuf__done(&p);
	protobuf__done(&inner);
}
