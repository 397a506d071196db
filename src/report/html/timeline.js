/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Stalls over time, a lane for each loop: as wide as they took, as high as the logarithm of that, in the colour of their
 * cause. The wheel, a drag across a lane and the keys change what is visible: the key "time" holds "from,to" in nanoseconds
 * from the beginning. Everything below shows that time only. The strip on top always shows the whole run.
 */
const WIDTH = 1000, LOWEST = 0.12, MAX_LANES = 40, WHEEL_MS = 160, NARROWEST_NS = 1000;

const timeline = {
	base: 0, /* what "time" counts from */
	from: 0,
	to: 0,
	parts: null, /* what is drawn again while the wheel turns */
	passing: null, /* window while it turns */
	timer: 0,

	init() {
		const starts = data.stalls.map((s) => s.start_ns), ends = data.stalls.map((s) => s.start_ns + s.duration_ns);
		const end = data.summary.ended_ns;

		this.base = starts.reduce((a, b) => Math.min(a, b), end ? end - data.summary.duration_ns : Infinity);
		this.to = ends.reduce((a, b) => Math.max(a, b), end || 0);
		if (!isFinite(this.base) || this.to <= this.base)
			this.base = this.to - 1;
		/* A live page shows the last minutes of a run that may be days long. */
		this.from = data.window_ns && this.to - data.window_ns > this.base ? this.to - data.window_ns : this.base;
	},

	window() {
		const [from, to] = (state.get('time') || '').split(',').map(Number);

		return this.passing || (to > from ? [this.base + from, this.base + to] : [this.from, this.to]);
	},

	/* Within the run, never narrower than a microsecond. */
	fit(from, to) {
		const span = Math.min(Math.max(to - from, NARROWEST_NS), this.to - this.from);
		const start = Math.min(Math.max(from, this.from), this.to - span);

		return [start, start + span];
	},

	show([from, to], isPassing) {
		const isAll = from <= this.from && to >= this.to;

		this.passing = null;
		state.set({ time: isAll ? null : `${Math.round(from - this.base)},${Math.round(to - this.base)}` }, isPassing);
	},

	/* The lanes follow at once, the rest when the wheel has stopped. */
	showSoon(window) {
		this.passing = window;
		clearTimeout(this.timer);
		this.timer = setTimeout(() => this.show(window, true), WHEEL_MS);
		cancelAnimationFrame(this.frame);
		this.frame = requestAnimationFrame(() => this.passing && this.drawWindow());
	},

	zoom(factor, x) {
		const [from, to] = this.window(), at = from + x * (to - from);

		return this.fit(at - factor * (at - from), at + factor * (to - at));
	},

	move(share) {
		const [from, to] = this.window(), by = share * (to - from);

		return this.fit(from + by, to + by);
	},

	isWhole() {
		const [from, to] = this.window();

		return from <= this.from && to >= this.to;
	},

	loops() {
		const keys = new Map();

		for (const l of data.summary.loops)
			keys.set(loopKey(l), `${l.process || 'pid ' + l.pid}, loop ${l.tid}`);
		for (const s of data.stalls)
			if (!keys.has(loopKey(s)))
				keys.set(loopKey(s), `pid ${s.pid}, loop ${s.tid}`);
		return keys;
	},

	/* The share of a lane's height that a duration has. */
	height(ns) {
		const low = Math.max(Math.min(data.start ? data.start.threshold_ns : 1e7, this.longest), 1), high = Math.max(this.longest, 10 * low);

		return LOWEST + (1 - LOWEST) * Math.min(Math.max(Math.log(ns / low) / Math.log(high / low), 0), 1);
	},

	title(s) {
		const at = hasClock() ? clockTime(s.start_ns, 1e6) : '+' + duration(s.start_ns - this.base);

		return [`${at}  ${duration(s.duration_ns)} ${s.cause} ${s.coroutine ? s.coroutine.name : s.unit} ${endOf(s)}`,
			s.own ? `${s.own.function} ${pathTail(s.own.file || '?')}:${s.own.line}` : '', requestOf(s)].filter(Boolean).join('\n');
	},

	/* Place and width in a lane that shows this time. */
	box(s, from, to) {
		return { x: (s.start_ns - from) / (to - from) * WIDTH, width: Math.max(s.duration_ns / (to - from) * WIDTH, 1.5) };
	},

	rect(i, from, to) {
		const s = data.stalls[i], h = this.height(s.duration_ns) * 100, isChosen = String(i) === state.get('stall');

		return make('rect', {
			class: 'stall' + (endOf(s) ? ' cut' : '') + (selection.isFound(i) ? '' : ' unfound') + (isChosen ? ' chosen' : ''),
			...this.box(s, from, to), y: 100 - h, height: h, fill: causeColor(s.cause), 'data-stall': i, onclick: () => showStall(i),
		}, make('title', {}, clean(this.title(s))));
	},

	/* Of those that begin in one unit of the width, the longest; one that is found comes before one that is not. */
	visible(isShown, from, to, slots) {
		const worst = new Map(), rank = (i) => (selection.isFound(i) ? 1e18 : 0) + data.stalls[i].duration_ns;

		data.stalls.forEach((s, i) => {
			if (!isShown(s) || s.start_ns + s.duration_ns < from || s.start_ns > to)
				return;
			const slot = Math.floor((s.start_ns - from) / (to - from) * slots);

			if (!worst.has(slot) || rank(worst.get(slot)) < rank(i))
				worst.set(slot, i);
		});
		return [...worst.values()];
	},

	/* A drag from one place to another shows what lies between; less than three units is a click. */
	drag(svg) {
		const at = (event) => {
			const box = svg.getBoundingClientRect();

			return Math.min(Math.max((event.clientX - box.left) / box.width, 0), 1) * WIDTH;
		};

		svg.addEventListener('pointerdown', (down) => {
			if (down.button)
				return;
			const start = at(down), mark = make('rect', { class: 'drag', y: 0, height: 100, x: start, width: 0 });
			const [from, to] = this.window();
			const move = (event) => {
				mark.setAttribute('x', Math.min(start, at(event)));
				mark.setAttribute('width', Math.abs(at(event) - start));
			};
			const up = (event) => {
				const [a, b] = [start, at(event)].sort((x, y) => x - y), ns = (x) => from + x / WIDTH * (to - from);

				window.removeEventListener('pointermove', move);
				window.removeEventListener('pointerup', up);
				mark.remove();
				if (b - a >= 3)
					this.show(this.fit(ns(a), ns(b)));
			};

			svg.append(mark);
			window.addEventListener('pointermove', move);
			window.addEventListener('pointerup', up);
		});
	},

	/* Out of the whole run the page scrolls on. */
	wheel(plot) {
		plot.addEventListener('wheel', (event) => {
			const box = plot.getBoundingClientRect(), isMove = event.shiftKey || Math.abs(event.deltaX) > Math.abs(event.deltaY);
			const by = isMove ? event.deltaX || event.deltaY : event.deltaY;

			if (this.isWhole() && (isMove || by > 0))
				return;
			event.preventDefault();
			this.showSoon(isMove ? this.move(by / box.width) : this.zoom(Math.pow(1.0015, by), (event.clientX - box.left) / box.width));
		}, { passive: false });
	},

	keys(node) {
		const moves = {
			'+': () => this.zoom(0.5, 0.5), '=': () => this.zoom(0.5, 0.5), '-': () => this.zoom(2, 0.5), 0: () => [this.from, this.to],
			ArrowLeft: () => this.move(-0.25), ArrowRight: () => this.move(0.25),
		};

		node.addEventListener('keydown', (event) => {
			if (!moves[event.key] || event.ctrlKey || event.altKey || event.metaKey)
				return;
			event.preventDefault();
			event.stopPropagation();
			this.show(moves[event.key](), true);
		});
	},

	/* Multiples of 1, 2 or 5 (of 60 s: 15 and 30), on the clock of the wall if it is known. */
	ticks(from, to, most) {
		const steps = [1, 2, 5].flatMap((n) => [n * 1e3, n * 1e4, n * 1e5, n * 1e6, n * 1e7, n * 1e8, n * 1e9])
			.concat([1e10, 1.5e10, 3e10, 6e10, 1.2e11, 3e11, 6e11, 1.8e12, 3.6e12, 1.08e13, 4.32e13, 8.64e13]).sort((a, b) => a - b);
		const step = steps.find((ns) => (to - from) / ns <= most) || 8.64e13;
		const offset = hasClock() ? data.clock_offset_us % (step / 1e3) * 1e3 : -this.base, at = [];

		for (let ns = Math.ceil((from + offset) / step) * step - offset; ns <= to && at.length < 50; ns += step)
			at.push([(ns - from) / (to - from), hasClock() ? clockTime(ns + 1, step) : '+' + duration(Math.round(ns - this.base))]);
		return at;
	},

	drawStrip() {
		const [from, to] = this.window(), x = (ns) => (ns - this.from) / (this.to - this.from) * WIDTH;
		const svg = make('svg', { viewBox: `0 0 ${WIDTH} 100`, preserveAspectRatio: 'none' },
			this.visible(() => true, this.from, this.to, WIDTH / 2).map((i) => make('rect', {
				...this.box(data.stalls[i], this.from, this.to), y: 0, height: 100, fill: causeColor(data.stalls[i].cause),
				class: selection.isFound(i) ? null : 'unfound',
			})));

		if (!this.isWhole())
			svg.append(make('rect', { class: 'outside', x: 0, y: 0, width: Math.max(x(from), 0), height: 100 }),
				make('rect', { class: 'outside', x: x(to), y: 0, width: Math.max(WIDTH - x(to), 0), height: 100 }));
		/* A click shows the same span around that time. */
		svg.addEventListener('pointerdown', (event) => {
			const box = svg.getBoundingClientRect(), at = this.from + (event.clientX - box.left) / box.width * (this.to - this.from);

			this.show(this.fit(at - (to - from) / 2, at + (to - from) / 2));
		});
		return make('div', { class: 'strip' }, make('div', { class: 'name' }, 'whole run'), make('div', { class: 'plot' }, svg));
	},

	lane(key, name, from, to) {
		const isChosen = state.get('loop') === key, cause = state.get('cause');
		const svg = make('svg', { viewBox: `0 0 ${WIDTH} 100`, preserveAspectRatio: 'none' },
			this.grid().map(([, y]) => make('line', { class: 'grid', x1: 0, x2: WIDTH, y1: y, y2: y })),
			this.visible((s) => loopKey(s) === key && (!cause || s.cause === cause), from, to, WIDTH).map((i) => this.rect(i, from, to)));
		const plot = make('div', { class: 'plot' }, svg, this.grid().map(([ns, y]) => {
			const label = make('span', { class: 'level' }, duration(ns));

			label.style.top = y + '%';
			return label;
		}));

		this.drag(svg);
		this.wheel(plot);
		return make('div', { class: 'lane' + (state.get('loop') && !isChosen ? ' off' : '') },
			make('button', { class: 'name', title: clean(name + ': only this loop'), 'aria-pressed': String(isChosen),
				onclick: () => state.set({ loop: isChosen ? null : key }) }, make('bdi', {}, name)), plot);
	},

	/* [duration, place from above]: powers of ten. */
	grid() {
		const levels = [];

		for (let ns = 1e3; ns <= 1e12; ns *= 10)
			if (ns > 1.2 * (data.start ? data.start.threshold_ns : 1e7) && ns < 0.9 * this.longest)
				levels.push([ns, 100 - 100 * this.height(ns)]);
		return levels;
	},

	drawWindow() {
		const [from, to] = this.window(), loops = [...this.loops()], lanes = loops.slice(0, MAX_LANES);
		const ticks = this.ticks(from, to, Math.max(Math.floor(this.parts.clientWidth / 150), 2));
		const axis = make('div', { class: 'axis' }, ticks.map(([x, text]) => {
			const label = make('span', {}, text);

			label.style.left = 100 * x + '%';
			return label;
		}));

		this.longest = data.stalls.reduce((a, b) => Math.max(a, b.duration_ns), 0);
		this.parts.replaceChildren(this.drawStrip(), ...lanes.map(([key, name]) => this.lane(key, name, from, to)), axis);
		this.parts.dataset.lanes = lanes.length <= 2 ? 'few' : lanes.length <= 8 ? 'some' : 'many';
		if (lanes.length < loops.length)
			this.parts.append(make('p', { class: 'dim' }, `and ${plural(loops.length - lanes.length, 'loop')} more, which only the tables show`));
	},

	legend() {
		const used = data.causes.filter(([word]) => data.stalls.some((s) => s.cause === word)), chosen = state.get('cause');

		return make('div', { class: 'legend' }, used.map(([word, sentence]) => make('button', {
			title: sentence, class: chosen && chosen !== word ? 'off' : null, 'data-cause': word, 'aria-pressed': String(chosen === word),
			onclick: () => state.set({ cause: chosen === word ? null : word }),
		}, swatch(word), word)));
	},

	draw(box) {
		if (!this.parts || !box.contains(this.parts)) {
			this.parts = make('div', { id: 'lanes', tabindex: 0, role: 'group', 'aria-label': 'timeline: plus and minus zoom, arrows move, 0 shows all' });
			this.keys(this.parts);
			this.head = make('div');
			box.replaceChildren(this.head, this.parts);
		}
		this.head.replaceChildren(make('h2', {}, 'Timeline ', make('span', { class: 'dim hint' }, 'wheel or drag: zoom; shift and wheel: move')), this.legend());
		this.drawWindow();
	},
};
