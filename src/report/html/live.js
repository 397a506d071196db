/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The page while the measurement runs: asks for what is new every two seconds. The report below is drawn again more
 * seldom, and not while somebody types or drags in it.
 */
const ASK_MS = 2000, REPORT_MS = 6000, MAX_KEPT = 4000, WINDOW_NS = 300e9;

const live = {
	next: 0, drawn_ms: 0, isDragging: false, redraw: null, busy: new Map(), before: null,

	async text(path) {
		const reply = await fetch(path, { cache: 'no-store' });

		if (!reply.ok)
			throw new Error(`${path}: ${reply.status} ${(await reply.text()).trim()}`);
		return reply.text();
	},

	/* Stalls are numbered in the order in which they ended. */
	async ask() {
		const fresh = JSON.parse(await this.text('api/snapshot'));
		const lines = (await this.text('api/stalls?since=' + this.next)).trim().split('\n').map((line) => JSON.parse(line));
		const cursor = lines.shift();

		/* It was started anew. */
		if (cursor.next < this.next)
			data.stalls = [];
		this.next = cursor.next;
		Object.assign(data, fresh);
		data.stalls = data.stalls.concat(lines.filter((line) => line.type === 'stall')).slice(-MAX_KEPT);
		data.version++;
		this.rate();
	},

	/* The share of the time since the last answer in which each loop was busy. */
	rate() {
		const before = this.before, now = new Map();

		this.busy = new Map();
		for (const l of data.summary.loops) {
			const key = loopKey(l), busy = l.step_ns + l.callbacks_ns, was = before ? before.loops.get(key) : undefined;

			now.set(key, busy);
			if (was !== undefined)
				this.busy.set(key, Math.min(1, (busy - was) / (data.summary.duration_ns - before.duration_ns)));
		}
		this.before = { loops: now, duration_ns: data.summary.duration_ns };
	},

	openStall(s) {
		return make('p', { class: 'stuck' }, swatch(s.cause), `${duration(s.duration_ns)} so far, ${s.cause}: ${s.unit} of `,
			...coroutinePlace(s.coroutine), s.task ? ', task ' : '', s.task ? make('bdi', {}, s.task.name) : '',
			s.call && s.call.function ? ', at ' : '', ...(s.call && s.call.function ? place(s.call.function, s.call.file, s.call.line) : []),
			`, pid ${s.pid}`, s.victims.is_known ? `, ${plural(s.victims.count, 'task')} wait` : '');
	},

	loop(l) {
		const key = l.pid + '/' + l.tid, busy = this.busy.get(key), isStuck = data.open.some((s) => s.pid + '/' + s.tid === key);

		return make('tr', isStuck ? { class: 'stuck' } : {}, [
			make('td', { class: 'text' }, make('bdi', {}, l.process || '?')), make('td', {}, l.pid), make('td', {}, l.tid),
			make('td', {}, busy === undefined ? '-' : percent(busy, 1)), make('td', {}, count(l.steps)), make('td', {}, count(l.stalls)),
			make('td', {}, duration(l.turn_p99_ns)), make('td', {}, duration(l.turn_max_ns)),
			make('td', {}, l.executor_max ? `${l.executor_threads}/${l.executor_max}, ${l.executor_queued} wait` : '-'),
		]);
	},

	/* What ran lately or is stuck; the ended ones of a long run are in the report. */
	shownLoops() {
		return data.summary.loops.filter((l) => this.busy.get(l.pid + '/' + l.tid) !== 0 || data.open.some((s) => s.tid === l.tid));
	},

	drawNow(box) {
		const titles = ['process', 'pid', 'loop', 'busy', 'steps', 'stalls', 'turn, p99', 'longest turn', 'executor'];

		box.replaceChildren(
			make('h2', {}, 'Open stalls', make('span', { class: 'dim' }, ' ' + count(data.open.length))),
			make('div', { id: 'open' }, data.open.map((s) => this.openStall(s))),
			make('h2', {}, 'Loops', make('span', { class: 'dim' }, ' ' + count(data.summary.loops.length))),
			make('div', { class: 'scroll' }, make('table', { id: 'table-loops' },
				make('thead', {}, make('tr', {}, titles.map((t, i) => make('th', { class: i ? null : 'text', scope: 'col' }, t)))),
				make('tbody', {}, this.shownLoops().map((l) => this.loop(l))))));
	},

	async turn(parts) {
		try {
			await this.ask();
			parts.status.replaceChildren(`live, ${new Date().toTimeString().slice(0, 8)}`);
			parts.status.className = 'dim';
			this.drawNow(parts.now);
			if (Date.now() - this.drawn_ms >= REPORT_MS && !this.isDragging && !parts.report.contains(document.activeElement)) {
				this.drawn_ms = Date.now();
				this.redraw = build(parts.report);
			}
			document.body.dataset.answers = Number(document.body.dataset.answers || 0) + 1;
		} catch (error) {
			parts.status.replaceChildren(clean(`no answer: ${error.message}`));
			parts.status.className = 'stuck';
		}
		setTimeout(() => this.turn(parts), ASK_MS);
	},

	start() {
		data.window_ns = WINDOW_NS;
		listenToKeys();
		const parts = { status: make('p', { id: 'status' }), now: make('section', { id: 'now' }), report: make('div', { id: 'report' }) };

		document.getElementById('main').append(parts.status, parts.now, parts.report);
		window.addEventListener('hashchange', () => this.redraw && this.redraw());
		window.addEventListener('pointerdown', () => { this.isDragging = true; });
		window.addEventListener('pointerup', () => { this.isDragging = false; });
		this.turn(parts);
	},
};
