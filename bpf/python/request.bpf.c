// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/*
 * See request.h. Each function is small and checked by itself, and what lasts is in map memory: the
 * callers' stacks are nearly as large as Linux 6.1 allows. With LOOPSTALL_HOSTED this file is
 * ordinary C, which the unit tests include.
 */
#include "python/request.h"

#include "python/frames.h"
#include "python/items.h"
#include "python/objects.h"

#define MOST_REQUEST_FRAMES 256
struct frames_look {
	struct thread_state *ts;
	struct request_look *look;
	struct ls_requests *requests;
	__u64 frame, last;
};

LS_SUBPROG int text_read(struct thread_state *ts, struct ls_pystr *str, __u64 object)
{
	if (!ts || !str)
		return 0;
	pystr_read(&ts->proc.py.at, str, object);
	/* A number is the name of a task alone. */
	if (!str->kind)
		str->kind = LS_NO_NAME;
	return str->kind != LS_NO_NAME;
}

/* Number of the code object in the list; LS_REQUEST_CODES: it is not there. */
LS_SUBPROG __u32 code_find(struct ls_requests *requests, __u64 code)
{
	__u32 k;

	if (!requests)
		return LS_REQUEST_CODES;
	for (k = 0; k < LS_REQUEST_CODES; k++)
		if (requests->codes[k].code == code)
			break;
	return k;
}

/* bpf_loop() callback: notes a frame that tells of a request. */
static long frame_note(__u32 i, struct frames_look *walk)
{
	struct thread_state *ts = walk->ts;
	struct request_look *look = walk->look;
	const struct ls_requests *requests = walk->requests;
	const struct ls_pyoffsets *py;
	struct request_note *note;
	__u64 code;
	__u32 k, n;

	(void)i;
	if (!ts || !look || !requests || !walk->frame || frame_read(ts, walk->frame))
		return 1;
	py = &ts->proc.py.at;
	code = frame_word(ts, py->frame_code) & ~(__u64)py->tag_mask;
	k = code ? code_find(walk->requests, code) : LS_REQUEST_CODES;
	if (k < LS_REQUEST_CODES) {
		n = look->n_notes;
		if (n >= MAX_REQUEST_NOTES)
			return 1;
		note = &look->notes[n];
		note->code = k;
		note->object = 0;
		note->request = 0;
		if (requests->codes[k].object)
			note->object = read_ptr(walk->frame + requests->codes[k].object) &
				~(__u64)py->tag_mask;
		if (requests->codes[k].request)
			note->request = read_ptr(walk->frame + requests->codes[k].request) &
				~(__u64)py->tag_mask;
		look->n_notes = n + 1;
	}
	if (walk->frame == walk->last)
		return 1;
	walk->frame = frame_word(ts, py->frame_previous);
	return 0;
}

/* Name number `i` of the list, 0 is none. */
static __always_inline struct ls_request_name *name_of(struct ls_requests *requests, __u32 i)
{
	i &= LS_REQUEST_NAMES - 1;
	barrier_var(i);
	return &requests->names[i & (LS_REQUEST_NAMES - 1)];
}

static __always_inline const struct ls_request_code *code_of(const struct ls_requests *requests,
							     __u32 i)
{
	i &= LS_REQUEST_CODES - 1;
	barrier_var(i);
	return &requests->codes[i & (LS_REQUEST_CODES - 1)];
}

static __always_inline struct request_note *note_of(struct request_look *look, __u32 i)
{
	i &= MAX_REQUEST_NOTES - 1;
	barrier_var(i);
	return &look->notes[i & (MAX_REQUEST_NOTES - 1)];
}

/* The text of the route, or of a prefix, that a note leads to. */
LS_SUBPROG int note_route_read(struct thread_state *ts, struct request_look *look,
			       struct ls_requests *requests, __u32 i, struct ls_pystr *str)
{
	const struct ls_request_code *code;
	const struct request_note *note;
	__u64 object, text;
	__u32 k;

	if (!ts || !look || !requests || !str)
		return 0;
	note = note_of(look, i);
	code = code_of(requests, note->code);
	object = note->object;
	for (k = 0; k < LS_REQUEST_CHAIN && code->chain[k]; k++)
		object = item_read(ts, look, object, name_of(requests, code->chain[k]), 0);
	for (k = 0; k < LS_REQUEST_LAST && code->last[k]; k++) {
		text = item_read(ts, look, object, name_of(requests, code->last[k]), 0);
		if (text && text_read(ts, str, text))
			return 1;
	}
	return 0;
}

#define NOTE_PATH 0x100 /* its path, else its method */

/*
 * A middleware that runs what is inside it in a task of its own hides the routers around it from
 * this stack. In the scope their prefixes are as they were asked for: as long as the templates, if
 * none is missing and none has parameters.
 */
static __always_inline int is_partial(struct thread_state *ts, struct request_look *look,
				      struct ls_requests *requests, __u32 i)
{
	const struct ls_request_code *code = code_of(requests, note_of(look, i)->code);
	const struct request_note *note = note_of(look, i), *outermost;
	__u64 text, length = 0, known = 0;
	__u32 k;

	outermost = note_of(look, look->n_notes - 1);
	if (!code->root_path || !note->request ||
	    code_of(requests, outermost->code)->role == LS_REQUEST_PATH)
		return 0;
	text = item_read(ts, look, note->request, name_of(requests, code->root_path), 1);
	if (text)
		length = read_ptr(text + ts->proc.py.at.str_length);
	for (k = 0; k < LS_REQUEST_PREFIXES; k++)
		if (k < look->found.n_prefixes)
			known += look->found.prefixes[k].length;
	return length != known;
}

/* A text of the request itself, of note i: an attribute of it, or a key of its scope. */
static __always_inline int note_request_read(struct thread_state *ts, struct request_look *look,
					     struct ls_requests *requests, __u32 i,
					     struct ls_pystr *str)
{
	const struct ls_request_code *code;
	const struct request_note *note;
	struct ls_request_name *name;
	__u64 text;

	if (!ts || !look || !requests || !str)
		return 0;
	note = note_of(look, i);
	code = code_of(requests, note->code);
	name = name_of(requests, i & NOTE_PATH ? code->path : code->method);
	if (!note->request || !name->length)
		return 0;
	text = item_read(ts, look, note->request, name, code->is_scope);
	return text && text_read(ts, str, text);
}

static __always_inline __u32 role_of(struct request_look *look, const struct ls_requests *requests,
				     __u32 i)
{
	return code_of(requests, note_of(look, i)->code)->role;
}

/*
 * Number of the first note of this role from `from` on, n_notes or more: there is none. A function
 * of its own: the verifier would go on from each number that it may return.
 */
LS_SUBPROG __u32 note_find(struct request_look *look, struct ls_requests *requests, __u32 from,
			   __u32 role)
{
	__u32 i;

	if (!look || !requests)
		return MAX_REQUEST_NOTES;
	for (i = 0; i < MAX_REQUEST_NOTES; i++)
		if (i >= from && (i >= look->n_notes || role_of(look, requests, i) == role))
			break;
	return i;
}

static __always_inline void texts_clear(struct ls_request *found)
{
	__u32 i;

	found->is_path = 0;
	found->is_partial = 0;
	found->n_prefixes = 0;
	found->method.kind = LS_NO_NAME;
	found->method.copied = 0;
	found->route.kind = LS_NO_NAME;
	found->route.copied = 0;
	for (i = 0; i < LS_REQUEST_PREFIXES; i++) {
		found->prefixes[i].kind = LS_NO_NAME;
		found->prefixes[i].copied = 0;
	}
}

/* Prefixes in front of the route, up to the frames of another request further out. */
static __always_inline int prefixes_read(struct thread_state *ts, struct request_look *look,
					 struct ls_requests *requests, __u32 from)
{
	__u32 k, i, n = 0;

	if (!ts || !look || !requests)
		return 0;
	for (k = 0; k < MAX_REQUEST_NOTES && n < LS_REQUEST_PREFIXES; k++) {
		i = note_find(look, requests, from, LS_REQUEST_PREFIX);
		if (i >= look->n_notes || note_find(look, requests, from, LS_REQUEST_ROUTE) < i)
			break;
		if (note_route_read(ts, look, requests, i, &look->found.prefixes[n & 1]))
			n++;
		from = i + 1;
	}
	look->found.n_prefixes = n;
	return 0;
}

struct path_walk {
	struct request_look *look;
};

/* bpf_loop() callback: byte i of the path, behind which it ends, or is removed. */
static long path_cut_at(__u32 i, struct path_walk *walk)
{
	struct ls_pystr *path;

	if (!walk->look || i >= LS_NAME_BYTES)
		return 1;
	path = &walk->look->found.route;
	if (i < path->length && !(i && path->data[i] == '/'))
		return 0;
	if (i < path->length)
		path->length = i;
	path->data[i] = 0;
	return 0;
}

/*
 * Of a path only the first segment leaves the process: the rest may say who asks for what. One of
 * other characters than Latin-1 stays unknown.
 */
static __always_inline int path_cut(struct request_look *look)
{
	struct path_walk walk = { .look = look };
	struct ls_pystr *path = &look->found.route;

	path->length = path->kind == 1 ? path->copied : 0;
	bpf_loop(LS_NAME_BYTES, path_cut_at, &walk, 0);
	path->copied = path->length;
	if (!path->length)
		path->kind = LS_NO_NAME;
	return path->length != 0;
}

LS_SUBPROG int request_read(struct thread_state *ts, struct thread_stacks *stacks)
{
	struct ls_requests *requests;
	struct request_look *look;
	struct ls_request *found;
	__u32 i, is_known;

	if (!ts || !stacks)
		return 0;
	requests = requests_of(ts);
	if (!requests)
		return 0;
	look = &stacks->request;
	found = &look->found;
	i = note_find(look, requests, 0, LS_REQUEST_ROUTE);
	/* It may be before or behind the route: what was read there before is better. */
	if (i >= look->n_notes && found->state == LS_REQUEST_KNOWN)
		return 0;
	texts_clear(found);
	found->state = LS_REQUEST_NONE;
	if (!look->n_notes)
		return 0;
	prefixes_read(ts, look, requests, i < look->n_notes ? i + 1 : 0);
	is_known = found->n_prefixes;
	if (i < look->n_notes) {
		is_known |= note_route_read(ts, look, requests, i, &found->route);
		found->is_partial = is_partial(ts, look, requests, i);
	} else {
		i = 0;
		if (!found->n_prefixes &&
		    note_request_read(ts, look, requests, NOTE_PATH, &found->route))
			found->is_path = path_cut(look);
		is_known |= found->is_path;
	}
	is_known |= note_request_read(ts, look, requests, i, &found->method);
	found->state = is_known ? LS_REQUEST_KNOWN : LS_REQUEST_UNREADABLE;
	return 0;
}

LS_SUBPROG int request_note(struct thread_state *ts, struct thread_stacks *stacks, __u64 frame,
			    __u64 last)
{
	struct frames_look walk = { .ts = ts, .frame = frame, .last = last };
	struct request_look *look;

	if (!ts || !stacks)
		return 0;
	look = &stacks->request;
	if (look->span != ts->cur.number)
		look->found.state = LS_REQUEST_UNSEEN;
	look->span = ts->cur.number;
	look->n_notes = 0;
	walk.look = look;
	walk.requests = requests_of(ts);
	if (!walk.requests)
		return 0;
	if (walk.requests->n_codes && ts->cur.unit == LS_UNIT_STEP)
		bpf_loop(MOST_REQUEST_FRAMES, frame_note, &walk, 0);
	return 1;
}

/* What was looked at before, or is no request of this process, is not of this record. */
static __always_inline void look_forget(struct request_look *look)
{
	look->found.state = LS_REQUEST_UNSEEN;
	look->test[0] = 0;
}

static __always_inline void request_count_lost(const struct request_look *look)
{
	if (look->found.state == LS_REQUEST_UNSEEN)
		count_loss(LS_LOSS_REQUEST_UNSEEN);
	if (look->found.state == LS_REQUEST_UNREADABLE)
		count_loss(LS_LOSS_REQUEST_UNREADABLE);
}

LS_SUBPROG int request_describe(struct thread_state *ts, struct thread_stacks *stacks,
				struct ls_rec_stall *rec)
{
	struct request_look *look;
	const struct ls_requests *where;

	if (!ts || !rec)
		return 0;
	if (!stacks) {
		__builtin_memset(&rec->request, 0, sizeof(rec->request));
		__builtin_memset(rec->test, 0, sizeof(rec->test));
		return 0;
	}
	look = &stacks->request;
	where = requests_of(ts);
	if (!where || rec->unit == LS_UNIT_TURN || look->span != rec->span)
		look_forget(look);
	/* It still runs, behind the step. */
	if (where && !look->test[0] && rec->end == LS_END_RETURN)
		test_read(ts, stacks);
	if (where && where->n_codes && rec->unit == LS_UNIT_STEP)
		request_count_lost(look);
	bpf_probe_read_kernel(&rec->request, sizeof(rec->request), &look->found);
	bpf_probe_read_kernel(rec->test, sizeof(rec->test), look->test);
	return 0;
}
