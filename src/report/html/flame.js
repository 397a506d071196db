/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The flame graph, from the top down: all loops, loop, coroutine, frames, cause. Widths are stalled time. A click zooms: the
 * key "flame" holds the number of the node. The tree is that of the whole run, so that a node keeps its number; a selection
 * has sums of its own.
 */
const ROW = 20, MIN_SHARE = 0.0005;

const flame = {
	nodes: [],
	whole: [], /* [time, stalls] of each node in the whole run, without its children */
	children: new Map(), /* number by parent and frame */

	init() {
		this.children = new Map();
		if (data.window_ns)
			this.growFromStalls();
		else
			this.takeTree();
	},

	takeTree() {
		this.nodes = data.flame.nodes.map(([parent, frame]) => ({ parent, frame: data.flame.frames[frame], children: [] }));
		this.whole = data.flame.nodes.map(([, , self, stalls]) => [self, stalls]);
		this.nodes.forEach((node, i) => {
			if (i) {
				this.nodes[node.parent].children.push(i);
				this.children.set(this.key(node.parent, node.frame), i);
			}
		});
	},

	/* A live page has seen more stalls than the server keeps, and numbers its nodes as they come. */
	growFromStalls() {
		this.nodes = [{ parent: 0, frame: ['all', 'all loops', '', 0], children: [] }];
		this.whole = [[0, 0]];
		data.stalls.forEach((s) => this.addStall(this.whole, s, true));
	},

	grow(parent, frame) {
		const i = this.nodes.push({ parent, frame, children: [] }) - 1;

		this.whole.push([0, 0]);
		this.nodes[parent].children.push(i);
		this.children.set(this.key(parent, frame), i);
		return i;
	},

	key(parent, [kind, name, file, line]) {
		return joined(parent, kind, name, file === '?' ? '' : file, line);
	},

	/* The frames of a stall from the outside in, as src/report/stacks.c has them. */
	frames(s) {
		const c = s.unit === 'turn' ? null : s.coroutine, native = [];
		const outer = [['loop', `loop ${s.tid} of ${s.pid}`, '', 0], c ? ['coroutine', c.name, c.file || '', c.line] : ['coroutine', `(${s.unit})`, '', 0]];
		const stack = s.stack.map((f) => f.function ? ['frame', f.function, f.file || '', f.line] : ['frame', '(code that was freed)', '', 0]).reverse();

		if (!stack.length && s.call && s.call.function)
			stack.push(['frame', s.call.function, s.call.file || '', s.call.line]);
		for (const f of (s.native_stack || []).slice().reverse()) {
			const label = f.function || `(${f.module || 'not known'})`;

			if (f.function || !native.length || native[native.length - 1][1] !== label)
				native.push(['native', label, f.function && f.module ? f.module : '', 0]);
		}
		return [outer, stack, native];
	},

	/* As far as the tree has them: it may be full. */
	descend(node, frames, isGrowing) {
		for (const frame of frames) {
			const child = this.children.get(this.key(node, frame)) ?? (isGrowing ? this.grow(node, frame) : undefined);

			if (child === undefined)
				return node;
			node = child;
		}
		return node;
	},

	/* The main cause at the stack, each other at the coroutine. */
	addStall(sums, s, isGrowing) {
		const [outer, stack, native] = this.frames(s);
		const coroutine = this.descend(0, outer, isGrowing), call = this.descend(coroutine, stack.concat(native), isGrowing);

		for (const [cause, ns] of Object.entries(s.causes_ns)) {
			const node = this.descend(cause === s.cause ? call : coroutine, [['cause', `[${cause}]`, '', 0]], isGrowing);

			sums[node][0] += ns;
			sums[node][1] += cause === s.cause ? 1 : 0;
		}
	},

	/* Sums of the selection, with those of the children, and what is found. */
	update() {
		const sums = selection.isWhole ? this.whole.map((pair) => pair.slice()) : this.whole.map(() => [0, 0]);

		if (!selection.isWhole && sums.length)
			selection.stalls().forEach((s) => this.addStall(sums, s));
		this.nodes.forEach((node, i) => {
			[node.total, node.stalls] = sums[i];
			node.self = sums[i][0];
			node.isFound = Boolean(selection.wanted) && clean(this.label(node)).toLowerCase().includes(selection.wanted);
		});
		/* A parent comes before its children. */
		for (let i = this.nodes.length - 1; i > 0; i--) {
			const node = this.nodes[i], parent = this.nodes[node.parent];

			parent.total += node.total;
			parent.stalls += node.stalls;
		}
		for (const node of this.nodes)
			node.children.sort((a, b) => this.nodes[b].total - this.nodes[a].total || a - b);
	},

	/* Of the nodes that are found, time in none of their parents that is found as well. */
	foundTotal() {
		const isInside = [];

		return this.nodes.reduce((total, node, i) => {
			const isOutermost = node.isFound && !isInside[node.parent];

			isInside[i] = node.isFound || (i > 0 && isInside[node.parent]);
			return total + (isOutermost ? node.total : 0);
		}, 0);
	},

	label(node) {
		const [kind, name, file, line] = node.frame;

		return name + (kind === 'coroutine' && file ? '()' : '') + (file ? ` ${pathTail(file)}${line ? ':' + line : ''}` : '');
	},

	title(label, total, stalls) {
		return clean(label) + `\n${duration(total)}, ${percent(total, this.nodes[0].total)} of stalled time, ${plural(stalls, 'stall')}`;
	},

	/* A box of a graph: label, the kind of its frame, where it is, and what it does. */
	box({ frame, label, title, left, share, depth, attributes }) {
		const bar = make('button', { title, tabindex: -1, ...attributes }, make('bdi', {}, label));

		bar.style.left = 100 * left + '%';
		bar.style.width = 100 * share + '%';
		bar.style.top = depth * ROW + 'px';
		if (frame[0] === 'cause') {
			bar.style.background = causeColor(frame[1].slice(1, -1));
			bar.style.color = causeInk(frame[1].slice(1, -1));
		}
		return bar;
	},

	bar(i, left, share, depth, isAbove) {
		const node = this.nodes[i], isDim = selection.wanted && !node.isFound;

		return this.box({
			frame: node.frame, label: this.label(node), title: this.title(this.label(node), node.total, node.stalls), left, share, depth,
			attributes: {
				'data-node': i, 'data-kind': node.frame[0], class: [isAbove ? 'above' : '', node.isFound ? 'found' : '', isDim ? 'unfound' : ''].join(' ').trim() || null,
				onclick: (event) => event.altKey ? sandwich.pick(i) : state.set({ flame: i || null }),
				onkeydown: (event) => this.onKey(event, i),
			},
		});
	},

	/* Arrows go to parent, largest child and siblings; "s" shows callers and callees. */
	onKey(event, i) {
		const node = this.nodes[i], siblings = i ? this.nodes[node.parent].children : [0], at = siblings.indexOf(i);
		const to = { ArrowUp: i ? node.parent : undefined, ArrowDown: node.children[0], ArrowLeft: siblings[at - 1], ArrowRight: siblings[at + 1] }[event.key];
		const bar = to === undefined ? null : document.querySelector(`#flame [data-node="${to}"]`);

		if (event.key === 's')
			sandwich.pick(i);
		else if (bar)
			bar.focus();
		else
			return;
		event.preventDefault();
		event.stopPropagation();
	},

	zoomed() {
		return Math.min(Math.max(Math.trunc(Number(state.get('flame'))) || 0, 0), Math.max(this.nodes.length - 1, 0));
	},

	bars(zoomed) {
		const path = [], bars = [], whole = this.nodes[zoomed].total || 1;
		let depth = 0;

		for (let i = zoomed; i !== 0; i = this.nodes[i].parent)
			path.unshift(this.nodes[i].parent);
		for (const i of path)
			bars.push(this.bar(i, 0, 1, depth++, true));

		const put = (i, left, level) => {
			const share = this.nodes[i].total / whole;

			if (share < MIN_SHARE)
				return;
			bars.push(this.bar(i, left, share, level, false));
			depth = Math.max(depth, level + 1);
			for (const child of this.nodes[i].children) {
				put(child, left, level + 1);
				left += this.nodes[child].total / whole;
			}
		};

		if (this.nodes[zoomed].total)
			put(zoomed, 0, depth);
		return [bars, depth];
	},

	draw(box) {
		const zoomed = this.zoomed(), focused = document.activeElement && document.activeElement.dataset.node;
		const [bars, depth] = this.nodes.length ? this.bars(zoomed) : [[], 0];
		const graph = make('div', { class: 'flame', id: 'flame' }, bars), found = this.foundTotal();

		graph.style.height = depth * ROW + 'px';
		if (bars.length)
			bars[0].tabIndex = 0;
		box.replaceChildren(
			make('h2', {}, 'Where the stalled time went ',
				zoomed ? make('button', { id: 'all-stacks', onclick: () => state.set({ flame: null }) }, 'all') : null,
				zoomed && sandwich.isFunction(this.nodes[zoomed]) ?
					make('button', { id: 'to-sandwich', onclick: () => sandwich.pick(zoomed) }, 'callers and callees') : null,
				make('span', { class: 'dim hint' }, 'click: zoom; alt and click: callers and callees')),
			selection.wanted && this.nodes.length ? make('p', { class: 'dim', id: 'found-stacks' },
				`found: ${duration(found)}, ${percent(found, this.nodes[0].total)} of stalled time`) : '',
			depth ? graph : make('p', { class: 'dim' }, selection.isWhole ? 'No stall.' : 'No stall in the selection.'));
		if (data.flame.cut)
			box.append(make('p', { class: 'dim' }, `${plural(data.flame.cut, 'stall')} with stacks cut: there are too many different ones`));
		if (!selection.isWhole && data.stalls_left_out)
			box.append(make('p', { class: 'dim' }, `without the ${plural(data.stalls_left_out, 'shorter stall')} that are left out of the timeline`));
		const again = focused && graph.querySelector(`[data-node="${focused}"]`);

		if (again)
			again.focus({ preventScroll: true });
	},
};
