/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The flame graph, from the top down: all loops, loop, coroutine, frames, cause. Widths are stalled time. A click zooms: the
 * key "flame" holds the number of the node.
 */
const ROW = 20, MIN_SHARE = 0.0005;

const flame = {
	nodes: [],

	init() {
		this.nodes = data.flame.nodes.map(([parent, frame, self, stalls]) => ({
			parent, frame: data.flame.frames[frame], total: self, stalls, children: [],
		}));
		/* A parent comes before its children. */
		for (let i = this.nodes.length - 1; i > 0; i--) {
			const node = this.nodes[i], parent = this.nodes[node.parent];

			parent.total += node.total;
			parent.stalls += node.stalls;
			parent.children.push(i);
		}
		for (const node of this.nodes)
			node.children.sort((a, b) => this.nodes[b].total - this.nodes[a].total || a - b);
	},

	label(node) {
		const [kind, name, file, line] = node.frame;

		return name + (kind === 'coroutine' && file ? '()' : '') + (file ? ` ${pathTail(file)}${line ? ':' + line : ''}` : '');
	},

	bar(i, left, share, depth, isAbove) {
		const node = this.nodes[i], whole = this.nodes[0].total;
		const title = `${this.label(node)}\n${duration(node.total)}, ${percent(node.total, whole)} of stalled time, ${plural(node.stalls, 'stall')}`;
		const bar = make('button', {
			title: title.split('\n').map(clean).join('\n'), 'data-node': i, class: isAbove ? 'above' : null,
			onclick: () => state.set({ flame: i || null }),
		}, make('bdi', {}, this.label(node)));

		bar.style.left = 100 * left + '%';
		bar.style.width = 100 * share + '%';
		bar.style.top = depth * ROW + 'px';
		if (node.frame[0] === 'cause') {
			bar.style.background = causeColor(node.frame[1].slice(1, -1));
			bar.style.color = '#111';
		}
		return bar;
	},

	draw(box) {
		const zoomed = Math.min(Math.max(Math.trunc(Number(state.get('flame'))) || 0, 0), this.nodes.length - 1);
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

		if (this.nodes[0].total)
			put(zoomed, 0, depth);
		const graph = make('div', { class: 'flame', id: 'flame' }, bars);

		graph.style.height = depth * ROW + 'px';
		box.replaceChildren(
			make('h2', {}, 'Where the stalled time went ', zoomed ?
				make('button', { id: 'all-stacks', onclick: () => state.set({ flame: null }) }, 'all') : null),
			graph);
		if (data.flame.cut)
			box.append(make('p', { class: 'dim' }, `${plural(data.flame.cut, 'stall')} with stacks cut: there are too many different ones`));
	},
};
