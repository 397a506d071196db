/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the kernel side reads of a request and of a test, on made-up memory in the layout of each
 * version.
 */
#include "fake_memory.h"

static long hosted_read_kernel(void *dst, __u32 size, const void *src)
{
	memcpy(dst, src, size);
	return 0;
}
#define bpf_probe_read_kernel(dst, size, src) hosted_read_kernel(dst, size, src)

#include "../../../bpf/python/request.h"

static struct ls_requests *process; /* NULL: it has no requests */

static struct ls_requests *requests_of(const struct thread_state *ts)
{
	(void)ts;
	return process;
}

#include "../../../bpf/python/items.bpf.c"
#include "../../../bpf/python/running_test.bpf.c"
#include "../../../bpf/python/request.bpf.c"

#include <criterion/criterion.h>
#include <stdio.h>

#include "python/py_offsets.h"
#include "stream/event.h"
#include "stream/pystr.h"

#define STR_TYPE (FAKE_BASE + 0x100)
#define CLASS (FAKE_BASE + 0x400)
#define HEAP (FAKE_BASE + 0x2000)
#define CODE(i) (FAKE_BASE + 0x1000 + 0x10 * (uint64_t)(i))
#define FLAG_STR (1ULL << 28)

enum { NAME_METHOD = 1, NAME_PATH, NAME_INNER, NAME_ROOT };
/* Of the functions of the process. */
enum { CODE_ROUTE, CODE_MOUNT, CODE_RAW, CODE_CHAIN, N_CODES };

static struct ls_requests given;
static struct thread_state ts;
static struct thread_stacks own;
static struct ls_rec_stall rec;
static const struct ls_pyoffsets *const py = &ts.proc.py.at;
static uint64_t heap;

static uint64_t take(size_t size)
{
	const uint64_t at = heap;

	heap += (size + 31) & ~31ULL;
	cr_assert_leq(heap, FAKE_BASE + FAKE_BYTES);
	return at;
}

static void put_u32(uint64_t addr, uint32_t value)
{
	fake_put_bytes(addr, &value, sizeof(value));
}

/* A str of so many bytes per character. */
static uint64_t wide_str(const void *data, size_t n, unsigned int width, bool is_ascii)
{
	const uint64_t object = take(py->str_data + (n + 1) * width);
	const uint32_t state = (width | 8U | (is_ascii ? 16U : 0)) << py->str_state_shift;

	fake_put(object + py->ob_type, STR_TYPE);
	fake_put(object + py->str_length, n);
	put_u32(object + py->str_state, state);
	fake_put_bytes(object + (is_ascii ? py->str_ascii_data : py->str_data), data, n * width);
	return object;
}

static uint64_t str(const char *text)
{
	return wide_str(text, strlen(text), 1, true);
}

static uint64_t bytes(const char *text)
{
	const size_t n = strlen(text);
	const uint64_t object = take(py->bytes_data + n + 1);

	fake_put(object + py->ob_size, n);
	fake_put_bytes(object + py->bytes_data, text, n + 1);
	return object;
}

/* A table of keys; with `values` the values are elsewhere, or nowhere. `is_general`: of any keys */
static uint64_t table(size_t n, const uint64_t *keys, const uint64_t *values, bool is_general)
{
	const bool is_old = py->keys_kind == LS_PY_NONE;
	const size_t entry = is_old || is_general ? 24 : 16, indices = 32;
	const uint64_t at = take(py->keys_indices + indices + n * entry);
	uint64_t to = at + py->keys_indices + indices;

	fake_put(at + py->keys_nentries, n);
	if (is_old) {
		fake_put(at + OLD_KEYS_SIZE, indices);
	} else {
		fake_bytes[at + py->keys_log2_index_bytes - FAKE_BASE] = 5;
		fake_bytes[at + py->keys_kind - FAKE_BASE] = !is_general;
	}
	for (size_t i = 0; i < n; i++, to += entry) {
		fake_put(to + entry - 16, keys[i]);
		fake_put(to + entry - 8, values ? values[i] : 0);
	}
	return at;
}

static uint64_t dict(size_t n, const uint64_t *keys, const uint64_t *values, bool is_general)
{
	const uint64_t object = take(64);

	fake_put(object + py->dict_keys, table(n, keys, values, is_general));
	return object;
}

/* How an instance keeps its attributes. */
enum keeps { KEEPS_DICT, KEEPS_SHARED, KEEPS_MAX };

static void put_shared(uint64_t object, uint64_t class, size_t n, const uint64_t *keys,
		       const uint64_t *values)
{
	const uint64_t array = take(8 * n + 64);
	uint64_t data = array;

	fake_put(class + py->ht_cached_keys, table(n, keys, NULL, false));
	if (py->managed_values) {
		fake_put(object + (uint64_t)(int64_t)py->managed_values, array);
	} else if (py->minor == 12) {
		fake_put(object + (uint64_t)(int64_t)py->managed_dict, array - 1);
	} else {
		fake_put(class + py->tp_flags, FLAG_MANAGED_DICT | FLAG_INLINE_VALUES);
		fake_put(class + py->tp_basicsize, 0x40);
		fake_bytes[object + 0x40 + ARE_VALID - FAKE_BASE] = 1;
		data = object + 0x40 + py->dictvalues_data;
	}
	for (size_t i = 0; i < n; i++)
		fake_put(data + 8 * i, values[i]);
}

/* An instance of a class of its own with this attribute behind two others. */
static uint64_t instance(enum keeps keeps, const char *name, uint64_t value)
{
	const uint64_t keys[] = { str("first"), str("second"), str(name) };
	const uint64_t values[] = { 1, 2, value };
	const uint64_t class = take(0x400), object = take(0x200) + 0x40;
	uint64_t of;

	fake_put(object + py->ob_type, class);
	if (py->managed_dict)
		fake_put(class + py->tp_flags, FLAG_MANAGED_DICT);
	if (keeps == KEEPS_SHARED && py->managed_dict) {
		put_shared(object, class, 3, keys, values);
		return object;
	}
	of = dict(3, keys, values, false);
	if (keeps == KEEPS_SHARED) {
		const uint64_t array = take(64);

		for (size_t i = 0; i < 3; i++)
			fake_put(array + py->dictvalues_data + 8 * i, values[i]);
		fake_put(of + py->dict_keys, table(3, keys, NULL, false));
		fake_put(of + py->dict_values, array);
	}
	if (py->managed_dict) {
		fake_put(object + (uint64_t)(int64_t)py->managed_dict, of);
	} else {
		fake_put(class + py->tp_dictoffset, 16);
		fake_put(object + 16, of);
	}
	return object;
}

static uint64_t scope_below(const char *method, uint64_t path, const char *root)
{
	const uint64_t keys[] = { str("type"), str("method"), str("path"), str("root_path") };
	const uint64_t values[] = { str("http"), str(method), path, str(root) };

	return dict(4, keys, values, false);
}

static uint64_t scope(const char *method, uint64_t path)
{
	return scope_below(method, path, "");
}

/* Frame i of the stack, 0 the innermost one. */
static uint64_t frame_at(int i)
{
	return FAKE_BASE + 0x1800 + 0x100 * (uint64_t)i;
}

static void put_frame(int i, uint64_t code, uint64_t first, uint64_t second, bool is_last)
{
	const uint64_t at = frame_at(i);

	fake_put(at + py->frame_code, code | (py->tag_mask & 1));
	fake_put(at + py->frame_previous, is_last ? 0 : frame_at(i + 1));
	if (first)
		fake_put(at + py->frame_locals, first | (py->tag_mask & 1));
	if (second)
		fake_put(at + py->frame_locals + 8, second | (py->tag_mask & 1));
}

static void put_name(int i, const char *text)
{
	given.names[i].length = (uint32_t)strlen(text);
	memcpy(given.names[i].words, text, strlen(text));
}

static void put_code(int i, struct ls_request_code code)
{
	code.code = CODE(i);
	if (code.role != LS_REQUEST_PATH)
		code.object = py->frame_locals;
	code.request = py->frame_locals + 8;
	code.method = NAME_METHOD;
	given.codes[given.n_codes++] = code;
}

static void reset(int minor)
{
	fake_reset();
	memset(&ts, 0, sizeof(ts));
	memset(&own, 0, sizeof(own));
	memset(&given, 0, sizeof(given));
	memset(&rec, 0, sizeof(rec));
	cr_assert_eq(py_offsets__init(&ts.proc.py.at, (uint8_t)minor, false), 0);
	heap = HEAP;
	fake_put(STR_TYPE + py->tp_flags, FLAG_STR);
	put_name(NAME_METHOD, "method");
	put_name(NAME_PATH, "path");
	put_name(NAME_INNER, "inner");
	put_name(NAME_ROOT, "root_path");
	put_code(CODE_ROUTE,
		 (struct ls_request_code){ .role = LS_REQUEST_ROUTE,
					   .is_scope = 1,
					   .path = NAME_PATH,
					   .root_path = NAME_ROOT,
					   .last = { NAME_PATH } });
	put_code(CODE_MOUNT,
		 (struct ls_request_code){ .role = LS_REQUEST_PREFIX,
					   .is_scope = 1,
					   .path = NAME_PATH,
					   .last = { NAME_PATH } });
	put_code(CODE_RAW,
		 (struct ls_request_code){
			 .role = LS_REQUEST_PATH, .is_scope = 1, .path = NAME_PATH });
	put_code(CODE_CHAIN,
		 (struct ls_request_code){ .role = LS_REQUEST_ROUTE,
					   .chain = { NAME_INNER },
					   .last = { NAME_METHOD, NAME_PATH } });
	process = &given;
	ts.cur.number = 7;
	ts.cur.unit = LS_UNIT_STEP;
	rec.span = 7;
	rec.unit = LS_UNIT_STEP;
}

static const struct ls_request *look(void)
{
	request_look(&ts, &own, frame_at(0), 0);
	request_describe(&ts, &own, &rec);
	return &rec.request;
}

static const char *text(const struct ls_pystr *from)
{
	static char buf[600];

	if (from->kind == LS_NO_NAME)
		return NULL;
	pystr__to_utf8(from, buf, sizeof(buf));
	return buf;
}

#define check_text(from, wanted)                                                                   \
	cr_assert_str_eq(text(from) ?: "(none)", wanted ?: "(none)", "3.%d", py->minor)
#define EACH_VERSION(minor) (int minor = 8; minor <= 15; minor++)

TestSuite(bpf_request);

Test(bpf_request, route_with_its_prefixes)
{
	for
		EACH_VERSION(minor)
	for (enum keeps keeps = 0; keeps < KEEPS_MAX; keeps++) {
		const struct ls_request *request;
		uint64_t of;

		reset(minor);
		of = scope("PUT", str("/api/v1/items/7"));
		put_frame(0, CODE(9), 0, 0, false);
		put_frame(1, CODE(CODE_ROUTE), instance(keeps, "path", str("/items/{id}")), of,
			  false);
		put_frame(2, CODE(CODE_MOUNT), instance(keeps, "path", str("/v1")), of, false);
		put_frame(3, CODE(CODE_MOUNT), instance(keeps, "path", str("/api")), of, false);
		put_frame(4, CODE(CODE_RAW), 0, of, true);
		request = look();
		cr_assert_eq(request->state, LS_REQUEST_KNOWN, "3.%d %d: %u", minor, keeps,
			     request->state);
		check_text(&request->method, "PUT");
		check_text(&request->route, "/items/{id}");
		cr_assert_eq(request->n_prefixes, 2);
		check_text(&request->prefixes[0], "/v1");
		check_text(&request->prefixes[1], "/api");
		cr_assert(!request->is_path);
	}
}

/* The second time the names are known by their addresses. */
Test(bpf_request, costs_less_once_names_are_known)
{
	for
		EACH_VERSION(minor)
		{
			unsigned first;

			reset(minor);
			put_frame(0, CODE(CODE_ROUTE), instance(KEEPS_DICT, "path", str("/x")),
				  scope("GET", str("/x")), true);
			look();
			first = fake_reads;
			ts.cur.number = ++rec.span;
			fake_reads = 0;
			check_text(&look()->route, "/x");
			cr_assert_lt(fake_reads, first - 3);
			cr_assert_lt(fake_reads, 40U, "%u reads", fake_reads);
		}
}

Test(bpf_request, through_attributes_to_the_first_text_there_is)
{
	for
		EACH_VERSION(minor)
	for (enum keeps keeps = 0; keeps < KEEPS_MAX; keeps++) {
		reset(minor);
		put_frame(0, CODE(CODE_CHAIN),
			  instance(keeps, "inner", instance(keeps, "path", str("/a/<b>"))),
			  instance(keeps, "method", str("PATCH")), true);
		check_text(&look()->route, "/a/<b>");
		check_text(&rec.request.method, "PATCH");
	}
}

Test(bpf_request, an_attribute_in_a_slot)
{
	reset(11);
	given.names[NAME_INNER].slot_type = CLASS;
	given.names[NAME_INNER].slot = 0x20;
	fake_put(CLASS + 0x800 + py->ob_type, CLASS);
	fake_put(CLASS + 0x800 + 0x20, instance(KEEPS_DICT, "path", str("/slot")));
	put_frame(0, CODE(CODE_CHAIN), CLASS + 0x800, 0, true);
	check_text(&look()->route, "/slot");
}

static void check_path(uint64_t path, const char *wanted)
{
	put_frame(0, CODE(CODE_RAW), 0, scope("GET", path), true);
	ts.cur.number = ++rec.span;
	check_text(&look()->route, wanted);
	check_text(&rec.request.method, "GET");
	cr_assert_eq(rec.request.state, LS_REQUEST_KNOWN);
}

Test(bpf_request, of_a_path_the_first_segment_alone)
{
	static const uint16_t chinese[] = { '/', 0x4e2d, '/', 's' };
	char far[200];

	memset(far, 'a', sizeof(far) - 1);
	far[sizeof(far) - 1] = '\0';
	far[0] = far[150] = '/';
	for
		EACH_VERSION(minor)
		{
			reset(minor);
			check_path(str("/users/secret/7"), "/users");
			cr_assert_eq(rec.request.is_path, 1);
			for (size_t i = 6; i < LS_NAME_BYTES; i++)
				cr_assert_eq(rec.request.route.data[i], 0,
					     "a byte of the rest is left");
			check_path(str("/"), "/");
			check_path(str("/only"), "/only");
			check_path(str("//x"), "/");
			check_path(wide_str(chinese, 4, 2, false), NULL);
			check_path(str(""), NULL);
			put_frame(0, CODE(CODE_RAW), 0, scope("GET", str(far)), true);
			ts.cur.number = ++rec.span;
			cr_assert_eq(look()->route.copied, LS_NAME_BYTES);
		}
}

/* Middleware blocks, then the endpoint, then the middleware again. */
Test(bpf_request, the_route_is_kept_once_it_was_seen)
{
	uint64_t of;

	reset(12);
	of = scope("GET", str("/items/7"));
	put_frame(0, CODE(CODE_RAW), 0, of, true);
	check_text(&look()->route, "/items");
	cr_assert(request_is_open(&ts, &own));
	put_frame(0, CODE(CODE_ROUTE), instance(KEEPS_DICT, "path", str("/items/{id}")), of, true);
	check_text(&look()->route, "/items/{id}");
	cr_assert(!request_is_open(&ts, &own));
	put_frame(0, CODE(CODE_RAW), 0, of, true);
	check_text(&look()->route, "/items/{id}");
	/* Not in the next step. */
	ts.cur.number = ++rec.span;
	check_text(&look()->route, "/items");
}

Test(bpf_request, an_outer_request_gives_no_prefix)
{
	uint64_t of;

	reset(13);
	of = scope("GET", str("/a"));
	put_frame(0, CODE(CODE_ROUTE), instance(KEEPS_DICT, "path", str("/in")), of, false);
	put_frame(1, CODE(CODE_ROUTE), instance(KEEPS_DICT, "path", str("/out")), of, false);
	put_frame(2, CODE(CODE_MOUNT), instance(KEEPS_DICT, "path", str("/mount")), of, true);
	check_text(&look()->route, "/in");
	cr_assert_eq(rec.request.n_prefixes, 0);
}

/* The routers around a middleware with a task of its own are not on the stack. */
Test(bpf_request, prefix_that_is_not_on_the_stack)
{
	static const struct {
		const char *root;
		bool has_server; /* the outermost frames are there */
		int is_partial;
	} cases[] = { { "", false, 0 },
		      { "/v1", false, 0 },
		      { "/api/v1", false, 1 },
		      { "/api/v1", true, 0 } };

	for (size_t i = 0; i < 4; i++) {
		uint64_t of;

		reset(11);
		of = scope_below("GET", str("/api/v1/x"), cases[i].root);
		put_frame(0, CODE(CODE_ROUTE), instance(KEEPS_DICT, "path", str("/x")), of, false);
		put_frame(1, *cases[i].root ? CODE(CODE_MOUNT) : CODE(9),
			  instance(KEEPS_DICT, "path", str("/v1")), of, !cases[i].has_server);
		put_frame(2, CODE(CODE_RAW), 0, of, true);
		cr_assert_eq(look()->is_partial, cases[i].is_partial, "%zu", i);
		check_text(&rec.request.route, "/x");
	}
}

Test(bpf_request, none_where_none_is_handled)
{
	reset(11);
	put_frame(0, CODE(9), 0, 0, true);
	cr_assert_eq(look()->state, LS_REQUEST_NONE);
	ts.cur.unit = rec.unit = LS_UNIT_CALLBACK;
	put_frame(0, CODE(CODE_RAW), 0, scope("GET", str("/x")), true);
	ts.cur.number = ++rec.span;
	cr_assert_eq(look()->state, LS_REQUEST_NONE, "callbacks have none");
	process = NULL;
	ts.cur.number = ++rec.span;
	cr_assert_eq(look()->state, LS_REQUEST_UNSEEN);
	cr_assert_eq(fake_losses[LS_LOSS_REQUEST_UNSEEN], 0);
}

Test(bpf_request, what_is_missing_is_counted)
{
	reset(11);
	/* Nothing was looked at while it ran. */
	request_describe(&ts, &own, &rec);
	cr_assert_eq(rec.request.state, LS_REQUEST_UNSEEN);
	cr_assert_eq(fake_losses[LS_LOSS_REQUEST_UNSEEN], 1);
	put_frame(0, CODE(CODE_ROUTE), 0x1234, 0x5678, true);
	cr_assert_eq(look()->state, LS_REQUEST_UNREADABLE);
	cr_assert_eq(fake_losses[LS_LOSS_REQUEST_UNREADABLE], 1);
}

/* Whatever the memory holds, the record is valid. */
Test(bpf_request, torn_memory)
{
	uint64_t random = 88172645463325252ULL;

	for
		EACH_VERSION(minor)
	for (int run = 0; run < 300; run++) {
		reset(minor);
		put_frame(0, CODE(CODE_ROUTE), instance(KEEPS_SHARED, "path", str("/a")),
			  scope("GET", str("/a")), false);
		put_frame(1, CODE(CODE_MOUNT), instance(KEEPS_DICT, "path", str("/b")),
			  scope("GET", str("/a")), true);
		given.environ_data = scope("a", str("b"));
		for (uint64_t at = HEAP; at < heap; at += 8) {
			random ^= random << 13;
			random ^= random >> 7;
			random ^= random << 17;
			if (random % 16 == 0)
				fake_put(at, random % 3 ? random : HEAP + random % 4096);
		}
		look();
		cr_assert_lt(rec.request.state, LS_REQUEST_STATE_MAX);
		cr_assert_leq(rec.request.n_prefixes, LS_REQUEST_PREFIXES);
		cr_assert_leq(rec.request.route.copied, LS_NAME_BYTES);
		cr_assert_leq(rec.request.method.copied, LS_NAME_BYTES);
		cr_assert(memchr(rec.test, 0, sizeof(rec.test)));
	}
}

static void put_environ(size_t n, const char *test, bool is_removed)
{
	uint64_t keys[40] = {}, values[40] = {};
	size_t i = 0;

	cr_assert_lt(n, 39U);
	for (; i < n; i++) {
		keys[i] = bytes(i % 2 ? "HOME" : "SOME_OTHER_VARIABLE");
		values[i] = bytes("value");
	}
	keys[i] = is_removed ? 0 : bytes("PYTEST_CURRENT_TEST");
	values[i++] = bytes(test);
	keys[i] = bytes("SET_BY_THE_TEST");
	values[i++] = bytes("1");
	given.environ_data = dict(i, keys, values, true);
}

Test(bpf_request, test_that_runs)
{
	char longest[600];

	memset(longest, 'x', sizeof(longest) - 1);
	longest[sizeof(longest) - 1] = '\0';
	for
		EACH_VERSION(minor)
		{
			reset(minor);
			put_frame(0, CODE(9), 0, 0, true);
			put_environ(20, "tests/a.py::test_one[b c] (call)", false);
			look();
			cr_assert_str_eq(rec.test[0], "tests/a.py::test_one[b c] (call)", "3.%d",
					 minor);
			ts.cur.number = ++rec.span;
			put_environ(3, "tests/a.py::test_one (call)", true);
			look();
			cr_assert_str_eq(rec.test[0], "", "it was removed");
			ts.cur.number = ++rec.span;
			put_environ(3, longest, false);
			look();
			cr_assert_eq(strlen(rec.test[0]), sizeof(rec.test) - 1);
		}
}

/* A stall that was neither blocked nor sampled, and a turn, are in the test that still runs. */
Test(bpf_request, test_of_a_span_that_was_not_looked_at)
{
	reset(11);
	put_environ(2, "t.py::test_a (call)", false);
	request_describe(&ts, &own, &rec);
	cr_assert_str_eq(rec.test[0], "t.py::test_a (call)");
	/* Not if the process is gone. */
	rec.end = LS_END_EXIT;
	request_describe(&ts, &own, &rec);
	cr_assert_str_eq(rec.test[0], "");
	rec.end = LS_END_RETURN;
	rec.unit = LS_UNIT_TURN;
	request_describe(&ts, &own, &rec);
	cr_assert_str_eq(rec.test[0], "t.py::test_a (call)");
}

Test(bpf_request, no_room_for_stacks)
{
	reset(11);
	memset(&rec.request, 0xff, sizeof(rec.request));
	request_describe(&ts, NULL, &rec);
	cr_assert_eq(rec.request.state, LS_REQUEST_UNSEEN);
	cr_assert_str_eq(rec.test[0], "");
}

Test(bpf_request, looks_at_blocks_are_limited)
{
	uint64_t now_ns = 1000000000;
	int n = 0;

	reset(11);
	while (request_is_due(&ts, &own, now_ns) && n < 1000) {
		request_pay(&own, now_ns);
		n++;
	}
	cr_assert_eq(n, 64);
	cr_assert(request_is_due(&ts, &own, now_ns + REQUEST_PRICE_NS));
}
