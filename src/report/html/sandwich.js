/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Functions by the stalled time in them, whoever called them and at whichever line; and of one, the key "function", its
 * callers above it and what it called below. A function that calls itself counts once, at its outermost frame: what is
 * inside of that is among its callees. The key holds the number of a node of the function.
 */
const sandwich = {
	isFunction(node) {
		return node && (node.frame[0] === 'frame' || node.frame[0] === 'native');
	},

	nameOf(node) {
		return joined(...node.frame.slice(0, 3));
	},

	pick(i) {
		if (this.isFunction(flame.nodes[i]))
			state.set({ function: i });
	},

	chosen() {
		const i = Number(state.get('function') ?? -1);

		return this.isFunction(flame.nodes[i]) ? i : -1;
	},

	/* {key, node, total_ns, self_ns, stalls} of each, in one walk: a node comes after its parents. */
	rows() {
		const rows = new Map(), above = [];

		flame.nodes.forEach((node, i) => {
			const outer = i ? above[node.parent] : new Set(), name = this.isFunction(node) ? this.nameOf(node) : null;

			above[i] = outer;
			if (!name)
				return this.addSelf(rows, node);
			const row = rows.get(name) || { node: i, name: node.frame[1], file: node.frame[2], kind: node.frame[0], total_ns: 0, self_ns: 0, stalls: 0 };

			rows.set(name, row);
			if (!outer.has(name)) {
				row.total_ns += node.total;
				row.stalls += node.stalls;
				above[i] = new Set(outer).add(name);
			}
		});
		return [...rows.values()].filter((row) => row.total_ns);
	},

	/* The time of a cause belongs to the frame around it. */
	addSelf(rows, node) {
		const parent = flame.nodes[node.parent];

		if (node.frame[0] === 'cause' && this.isFunction(parent))
			rows.get(this.nameOf(parent)).self_ns += node.total;
	},

	/* The outermost frames of the function. */
	roots(name) {
		return flame.nodes.flatMap((node, i) => {
			if (!this.isFunction(node) || this.nameOf(node) !== name)
				return [];
			for (let p = node.parent; p !== 0; p = flame.nodes[p].parent)
				if (this.isFunction(flame.nodes[p]) && this.nameOf(flame.nodes[p]) === name)
					return [];
			return [i];
		});
	},

	branch(frame) {
		return { frame, total: 0, stalls: 0, node: -1, children: new Map() };
	},

	grow(branch, node, total, stalls) {
		const key = this.nameOf(flame.nodes[node]), child = branch.children.get(key) || this.branch(flame.nodes[node].frame);

		child.total += total;
		child.stalls += stalls;
		child.node = node;
		branch.children.set(key, child);
		return child;
	},

	callers(roots, top) {
		for (const root of roots) {
			const { total, stalls } = flame.nodes[root];
			let branch = top;

			for (let p = flame.nodes[root].parent; total && p !== 0; p = flame.nodes[p].parent)
				branch = this.grow(branch, p, total, stalls);
		}
		return top;
	},

	callees(roots, top) {
		const add = (branch, node) => {
			for (const child of flame.nodes[node].children)
				if (flame.nodes[child].total)
					add(this.grow(branch, child, flame.nodes[child].total, flame.nodes[child].stalls), child);
		};

		roots.forEach((root) => add(top, root));
		return top;
	},

	label(branch) {
		const [, name, file] = branch.frame;

		return name + (file ? ' ' + pathTail(file) : '');
	},

	/* Boxes of all branches, level by level away from the function, and the number of levels. */
	bars(top, whole) {
		const bars = [];
		let levels = 0;

		const put = (branch, left, level) => {
			const sorted = [...branch.children.values()].sort((a, b) => b.total - a.total);

			for (const child of sorted) {
				if (child.total / whole >= MIN_SHARE) {
					bars.push([child, left, child.total / whole, level]);
					levels = Math.max(levels, level + 1);
					put(child, left, level + 1);
				}
				left += child.total / whole;
			}
		};

		put(top, 0, 0);
		return [bars, levels];
	},

	graph(id, top, whole, isUp) {
		const [bars, levels] = this.bars(top, whole);
		const graph = make('div', { class: 'flame', id }, bars.map(([branch, left, share, level]) => flame.box({
			frame: branch.frame, label: this.label(branch), title: flame.title(this.label(branch), branch.total, branch.stalls),
			left, share, depth: isUp ? levels - 1 - level : level,
			attributes: { 'data-kind': branch.frame[0], onclick: () => this.pick(branch.node) },
		})));

		graph.style.height = levels * ROW + 'px';
		return levels ? graph : make('p', { class: 'dim' }, 'none');
	},

	draw(box) {
		const i = this.chosen();

		box.replaceChildren();
		if (i < 0)
			return;
		const node = flame.nodes[i], roots = this.roots(this.nameOf(node)), whole = sum(roots, (r) => flame.nodes[r].total);
		const own = this.label({ frame: node.frame }), stalls = sum(roots, (r) => flame.nodes[r].stalls);

		box.append(make('h2', {}, 'Callers and callees ', make('button', { id: 'no-function', onclick: () => state.set({ function: null }) }, 'close')),
			this.graph('callers', this.callers(roots, this.branch(node.frame)), whole, true),
			make('div', { class: 'middle', id: 'middle', title: clean(node.frame[2]) }, make('b', {}, make('bdi', {}, own)),
				` ${duration(whole)}, ${percent(whole, flame.nodes[0].total)} of stalled time, ${plural(stalls, 'stall')}`),
			this.graph('callees', this.callees(roots, this.branch(node.frame)), whole, false));
	},
};
