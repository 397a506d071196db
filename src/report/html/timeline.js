/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Stalls over time, a lane for each loop: as wide as they took, as high as the logarithm of that, in the colour of their
 * cause. A drag across a lane zooms: the key "time" holds "from,to" in nanoseconds from the beginning.
 */
const WIDTH = 1000, HEIGHT = 44;

const timeline = {
	from: 0,
	to: 0,

	init() {
		const starts = data.stalls.map((s) => s.start_ns), ends = data.stalls.map((s) => s.start_ns + s.duration_ns);
		const end = data.summary.ended_ns;

		this.from = starts.reduce((a, b) => Math.min(a, b), end ? end - data.summary.duration_ns : Infinity);
		this.to = ends.reduce((a, b) => Math.max(a, b), end || 0);
		/* A live page shows the last minutes of a run that may be days long. */
		if (data.window_ns && this.to - data.window_ns > this.from)
			this.from = this.to - data.window_ns;
		if (!isFinite(this.from) || this.to <= this.from)
			this.from = this.to - 1;
	},

	window() {
		const [from, to] = (state.get('time') || '').split(',').map(Number);

		return to > from ? [this.from + from, this.from + to] : [this.from, this.to];
	},

	loops() {
		const keys = new Map();

		for (const l of data.summary.loops)
			keys.set(l.pid + '/' + l.tid, `${l.process || 'pid ' + l.pid}, loop ${l.tid}`);
		for (const s of data.stalls)
			if (!keys.has(s.pid + '/' + s.tid))
				keys.set(s.pid + '/' + s.tid, `pid ${s.pid}, loop ${s.tid}`);
		return keys;
	},

	rect(s, i, from, to) {
		const span = to - from, x = (s.start_ns - from) / span * WIDTH, w = Math.max(s.duration_ns / span * WIDTH, 1.5);
		const h = Math.min(HEIGHT, 6 + 7 * Math.max(0, Math.log10(s.duration_ns / 1e6)) + 4);

		return make('rect', {
			class: endOf(s) ? 'stall cut' : 'stall', x, y: HEIGHT - h, width: w, height: h, fill: causeColor(s.cause), 'data-stall': i,
			onclick: () => state.set({ stall: i }),
		}, make('title', {}, `${duration(s.duration_ns)} ${s.cause} ${s.coroutine ? s.coroutine.name : s.unit} ${endOf(s)}`));
	},

	/* Of those that begin in one unit of the width, the longest. */
	visible(key, from, to) {
		const worst = new Map();

		data.stalls.forEach((s, i) => {
			if (s.pid + '/' + s.tid !== key || s.start_ns + s.duration_ns < from || s.start_ns > to)
				return;
			const slot = Math.floor((s.start_ns - from) / (to - from) * WIDTH);

			if (!worst.has(slot) || data.stalls[worst.get(slot)].duration_ns < s.duration_ns)
				worst.set(slot, i);
		});
		return [...worst.values()];
	},

	/* A drag from one place to another zooms to what lies between; less than three units is a click. */
	drag(svg, from, to) {
		const at = (event) => {
			const box = svg.getBoundingClientRect();

			return Math.min(Math.max((event.clientX - box.left) / box.width, 0), 1) * WIDTH;
		};

		svg.addEventListener('pointerdown', (down) => {
			const start = at(down), mark = make('rect', { class: 'drag', y: 0, height: HEIGHT, x: start, width: 0 });
			const move = (event) => {
				mark.setAttribute('x', Math.min(start, at(event)));
				mark.setAttribute('width', Math.abs(at(event) - start));
			};
			const up = (event) => {
				const [a, b] = [start, at(event)].sort((x, y) => x - y);
				const ns = (x) => Math.round(from - this.from + x / WIDTH * (to - from));

				window.removeEventListener('pointermove', move);
				window.removeEventListener('pointerup', up);
				mark.remove();
				if (b - a >= 3)
					state.set({ time: ns(a) + ',' + ns(b) });
			};

			svg.append(mark);
			window.addEventListener('pointermove', move);
			window.addEventListener('pointerup', up);
		});
	},

	draw(box) {
		const [from, to] = this.window();
		const lanes = [...this.loops()].map(([key, name]) => {
			const svg = make('svg', { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, preserveAspectRatio: 'none' },
				this.visible(key, from, to).map((i) => this.rect(data.stalls[i], i, from, to)));

			this.drag(svg, from, to);
			return make('div', { class: 'lane' }, make('div', { class: 'name', title: clean(name) }, name), svg);
		});
		const used = data.causes.filter(([word]) => data.stalls.some((s) => s.cause === word));

		box.replaceChildren(
			make('h2', {}, 'Timeline ', state.get('time') ?
				make('button', { id: 'whole-run', onclick: () => state.set({ time: null }) }, 'whole run') : null),
			make('div', { class: 'legend' }, used.map(([word, sentence]) => make('span', { title: sentence }, swatch(word), word))),
			...lanes,
			make('div', { class: 'axis' }, [0, 0.25, 0.5, 0.75, 1].map((x) => make('span', {},
				duration(Math.round(from - this.from + x * (to - from)))))));
	},
};
