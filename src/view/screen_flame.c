/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Flame: where stall time went, by stack. Callers are above what they call, the width is the time.
 * The cursor and the part that is zoomed into stay on their frames while the tree grows.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "base/escape.h"
#include "view/icicle.h"
#include "view/page.h"
#include "view/screens.h"
#include "view/words.h"

#define HEAD_ROWS 2
#define FOOT_ROWS 1
#define PLACE_BYTES 256

enum flame_measure { FLAME_ALL, FLAME_BLOCKED, FLAME_CPU, FLAME_MEASURES };

struct flame_screen {
	struct icicle tree;
	uint64_t cursor, zoom; /* paths */
	enum flame_measure measure;
};

/* Where the tree is drawn, and from which depth below the zoomed frame on. */
struct flame_area {
	struct canvas *canvas;
	int row, rows, first_depth;
};

static uint64_t weight_ns(const struct flame_screen *s, const struct icicle_node *node)
{
	switch (s->measure) {
	case FLAME_BLOCKED:
		return node->blocked_ns;
	case FLAME_CPU:
		return node->cpu_ns;
	default:
		return node->total_ns;
	}
}

static enum canvas_attr node_attr(const struct icicle_node *node)
{
	uint64_t most = node->blocked_ns;
	enum canvas_attr attr = ATTR_BLOCKED;

	if (node->cpu_ns > most) {
		most = node->cpu_ns;
		attr = ATTR_CPU;
	}
	if (node->gil_ns > most) {
		most = node->gil_ns;
		attr = ATTR_GIL;
	}
	return node->runqueue_ns > most ? ATTR_RUNQUEUE : attr;
}

static enum canvas_attr box_attr(const struct icicle_node *node)
{
	static const enum canvas_attr attrs[] = {
		[ICICLE_OWN] = ATTR_BOX_OWN,
		[ICICLE_LIBRARY] = ATTR_BOX_LIBRARY,
		[ICICLE_RUNTIME] = ATTR_BOX_RUNTIME,
	};

	if (!node->function)
		return ATTR_COLUMN;
	return node->kind == ICICLE_CALL ? node_attr(node) : attrs[node->kind];
}

/* Without its classes where it is too long, and cut where those of a family do not differ. */
static int print_function(struct canvas *c, int row, int column, int end, enum canvas_attr attr,
			  const char *function)
{
	const char *last = strrchr(function, '.');
	char text[PLACE_BYTES];

	text__escape(function, text, sizeof(text));
	if (last && last[1] && text_columns(text) > end - column)
		text__escape(last + 1, text, sizeof(text));
	return column + canvas__cut(c, row, column, end - column, attr, text, true);
}

/* Of a native frame without its function, which is its name already. */
static size_t module_bytes(const struct icicle_node *node)
{
	const char *file = words__file(node->file), *colon = strrchr(file, ':');

	return colon && !strcmp(colon + 1, node->function) ? (size_t)(colon - file) : strlen(file);
}

static int print_label(struct canvas *c, int row, int column, int end, enum canvas_attr attr,
		       const struct icicle_node *node)
{
	const char *function = node->function ? node->function : "all stalls";
	struct page label = { .canvas = c, .end = end };
	char place[PLACE_BYTES] = "";

	if (node->file && node->line)
		snprintf(place, sizeof(place), "  %s:%u", words__file(node->file), node->line);
	else if (node->file)
		snprintf(place, sizeof(place), "  %.*s", (int)module_bytes(node),
			 words__file(node->file));
	column = print_function(c, row, column, end, attr, function);
	/* Half a line number would be a wrong one. */
	if (text_columns(place) > end - column)
		return column;
	return page__print(&label, row, column, attr, "%s", place);
}

/*
 * Draws a mark at its left edge: it separates neighbouring boxes, and shows the cursor on terminals
 * without colour.
 */
static void draw_box(const struct flame_screen *s, struct canvas *c, int row, int column, int width,
		     const struct icicle_node *node)
{
	const bool is_utf8 = canvas__is_utf8(c), is_selected = node->path == s->cursor;
	const enum canvas_attr attr = is_selected ? ATTR_SELECTED : box_attr(node);

	canvas__paint(c, row, column, width, attr);
	if (width > 2)
		print_label(c, row, column + 1, column + width, attr, node);
	if (is_selected)
		canvas__text(c, row, column, 1, attr, is_utf8 ? "\u25b8" : ">");
	else
		canvas__text(c, row, column, 1, attr, is_utf8 ? "\u258f" : "|");
}

static void draw_tree(const struct flame_screen *s, const struct flame_area *area, int node,
		      int depth, int column, int width)
{
	const struct icicle_node *parent = &s->tree.nodes[node];
	uint64_t whole = weight_ns(s, parent), before = 0, part;
	int row = depth - area->first_depth, child, from, to;

	if (row >= area->rows || width < 1)
		return;
	if (row >= 0)
		draw_box(s, area->canvas, area->row + row, column, width, parent);
	for (child = parent->child; child != ICICLE_NONE; child = s->tree.nodes[child].sibling) {
		part = weight_ns(s, &s->tree.nodes[child]);
		if (!part)
			continue;
		from = (int)((unsigned __int128)before * (unsigned int)width / whole);
		before += part;
		to = (int)((unsigned __int128)before * (unsigned int)width / whole);
		draw_tree(s, area, child, depth + 1, column + from, to - from);
	}
}

/* What the colours of boxes say; that of a call is what its time went into. */
static void draw_legend(const struct screen_area *area, int column)
{
	static const struct {
		const char *word;
		enum canvas_attr attr;
	} kinds[] = {
		{ " own code ", ATTR_BOX_OWN },
		{ " library ", ATTR_BOX_LIBRARY },
		{ " interpreter ", ATTR_BOX_RUNTIME },
	};
	int row = area->row, width = 0;

	for (size_t i = 0; i < N_OF(kinds); i++)
		width += text_columns(kinds[i].word) + 1;
	if (column + width + 2 > canvas__columns(area->canvas))
		row++;
	column = canvas__columns(area->canvas) - width;
	for (size_t i = 0; i < N_OF(kinds); i++)
		column += canvas__text(area->canvas, row, column, width, kinds[i].attr,
				       kinds[i].word) +
			1;
}

static void draw_head(const struct flame_screen *s, const struct screen_area *area)
{
	static const char *const measures[] = {
		[FLAME_ALL] = "all time",
		[FLAME_BLOCKED] = "blocked time",
		[FLAME_CPU] = "cpu time",
	};
	const struct icicle_node *root = &s->tree.nodes[ICICLE_ROOT];
	struct page head = { .canvas = area->canvas };
	char buf[WORDS_BYTES];
	int column;

	column = page__print(&head, area->row, 1, ATTR_NORMAL,
			     "%s of the last %" PRIu64 " stall%s, by stack: %s%s",
			     measures[s->measure], root->stalls, root->stalls == 1 ? "" : "s",
			     words__duration(weight_ns(s, root), buf),
			     s->tree.is_cut ? " (some frames left out)" : "");
	draw_legend(area, column);
}

static void draw_foot(const struct flame_screen *s, const struct screen_area *area, int cursor)
{
	const struct icicle_node *node = &s->tree.nodes[cursor];
	struct page foot = { .canvas = area->canvas };
	char total[WORDS_BYTES], cpu[WORDS_BYTES], blocked[WORDS_BYTES], share[WORDS_BYTES];
	uint64_t all_ns = s->tree.nodes[ICICLE_ROOT].total_ns;
	int row = area->row + area->rows - 1, column;

	column = print_label(area->canvas, row, 1, canvas__columns(area->canvas) / 2, ATTR_BOLD,
			     node);
	page__print(&foot, row, column, ATTR_NORMAL,
		    "  %s in %" PRIu64 " stall%s, %s %%  blocked %s  cpu %s",
		    words__duration(node->total_ns, total), node->stalls,
		    node->stalls == 1 ? "" : "s",
		    words__percent(all_ns ? (double)node->total_ns / (double)all_ns : 0, share),
		    words__duration(node->blocked_ns, blocked), words__duration(node->cpu_ns, cpu));
}

/* The node of that path, or the root. */
static int node_of(const struct flame_screen *s, uint64_t path)
{
	int node = icicle__find(&s->tree, path);

	return node == ICICLE_NONE ? ICICLE_ROOT : node;
}

static void flame_draw(void *state, const struct screen_area *area)
{
	struct flame_screen *s = state;
	struct flame_area tree = {
		.canvas = area->canvas,
		.row = area->row + HEAD_ROWS,
		.rows = area->rows - HEAD_ROWS - FOOT_ROWS,
	};
	int zoom, cursor, depth;

	icicle__build(&s->tree, area->snapshot);
	if (!s->tree.nodes[ICICLE_ROOT].stalls) {
		canvas__text(area->canvas, area->row, 1, canvas__columns(area->canvas) - 1,
			     ATTR_DIM, "No stall so far.");
		return;
	}
	zoom = node_of(s, s->zoom);
	cursor = node_of(s, s->cursor);
	s->cursor = s->tree.nodes[cursor].path;
	depth = icicle__depth(&s->tree, cursor) - icicle__depth(&s->tree, zoom);
	if (depth >= tree.rows)
		tree.first_depth = depth - tree.rows + 1;
	draw_head(s, area);
	draw_tree(s, &tree, zoom, 0, 0, canvas__columns(area->canvas));
	draw_foot(s, area, cursor);
}

static int next_shown(const struct flame_screen *s, int node)
{
	while (node != ICICLE_NONE && !weight_ns(s, &s->tree.nodes[node]))
		node = s->tree.nodes[node].sibling;
	return node;
}

/* The shown sibling before `node`, or `node` itself. */
static int previous_shown(const struct flame_screen *s, int node)
{
	int parent = s->tree.nodes[node].parent, at, before = node;

	if (parent == ICICLE_NONE)
		return node;
	for (at = next_shown(s, s->tree.nodes[parent].child); at != ICICLE_NONE && at != node;
	     at = next_shown(s, s->tree.nodes[at].sibling))
		before = at;
	return before;
}

/* Where the key leads from `node`; ICICLE_NONE if it is none of those that move. */
static int neighbour(const struct flame_screen *s, int node, uint32_t key)
{
	const struct icicle_node *at = &s->tree.nodes[node];
	int to;

	switch (key) {
	case VKEY_UP:
	case 'k':
		return at->path == s->zoom || at->parent == ICICLE_NONE ? node : at->parent;
	case VKEY_DOWN:
	case 'j':
		to = next_shown(s, at->child);
		break;
	case VKEY_RIGHT:
	case 'l':
		to = at->path == s->zoom ? node : next_shown(s, at->sibling);
		break;
	case VKEY_LEFT:
	case 'h':
		return at->path == s->zoom ? node : previous_shown(s, node);
	case VKEY_HOME:
	case 'g':
		return node_of(s, s->zoom);
	default:
		return ICICLE_NONE;
	}
	return to == ICICLE_NONE ? node : to;
}

static bool flame_input(void *state, struct table *table, const struct view_event *event,
			enum view_request *ret_request)
{
	struct flame_screen *s = state;
	int to;

	(void)table;
	(void)ret_request;
	switch (event->key) {
	case VKEY_ENTER:
		s->zoom = s->cursor;
		return true;
	case VKEY_ESCAPE:
	case VKEY_BACKSPACE:
		/* Out of the flame graph only from its whole. */
		if (node_of(s, s->zoom) == ICICLE_ROOT)
			return false;
		to = s->tree.nodes[node_of(s, s->zoom)].parent;
		s->zoom = s->tree.nodes[to == ICICLE_NONE ? ICICLE_ROOT : to].path;
		return true;
	case 'm':
		s->measure = (s->measure + 1) % FLAME_MEASURES;
		return true;
	default:
		to = neighbour(s, node_of(s, s->cursor), event->key);
		if (to == ICICLE_NONE)
			return false;
		s->cursor = s->tree.nodes[to].path;
		return true;
	}
}

static int flame_new(void **ret_state)
{
	static const struct snapshot nothing;
	struct flame_screen *s = calloc(1, sizeof(*s));

	if (!s)
		return -ENOMEM;
	icicle__build(&s->tree, &nothing);
	s->cursor = s->zoom = s->tree.nodes[ICICLE_ROOT].path;
	*ret_state = s;
	return 0;
}

const struct screen_ops screen_flame = {
	.name = "flame",
	.title = "Flame",
	.key = '7',
	.is_in_tabs = true,
	.keys = "Enter Zoom  Esc Out  m Measure",
	.new = flame_new,
	.free = free,
	.draw = flame_draw,
	.input = flame_input,
};
