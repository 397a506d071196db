/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Puts the page together and draws again whenever the address behind "#" changes.
 */
function targetLine() {
	const targets = data.start ? data.start.targets : [];

	return targets.map((t) => `${t.comm} ${t.pid}: CPython ${t.python}, ${t.loop || 'no event loop'}`).join('; ');
}

function verdict() {
	const s = data.summary, longest = data.stalls.reduce((a, b) => Math.max(a, b.duration_ns), 0);
	const cut = data.stalls.filter(endOf).length;

	if (!s.steps && !s.stalls)
		return 'Nothing was measured' + (s.no_steps_reason ? ' because ' + s.no_steps_reason : '') + '.';
	if (!s.stalls)
		return `No stall of ${duration(data.start ? data.start.threshold_ns : 0)} or longer.` +
			(s.turn_max_ns ? ` No turn of the loop took longer than ${duration(s.turn_max_ns)}.` : '');
	return `${plural(s.stalls, 'stall')}, the longest ${duration(longest)}. ` +
		(cut ? `${count(cut)} of them did not end by ${cut === 1 ? 'itself' : 'themselves'}. ` : '') +
		`Tasks that were ready waited for ${duration(s.starved_ns)} in all.`;
}

function header(box) {
	const s = data.summary, cost = s.own_cost;
	const figures = [
		[duration(s.duration_ns), 'watched'], [count(s.steps), 'steps'], [count(s.stalls), 'stalls'],
		[duration(s.starved_ns), 'starved'], [duration(s.turn_p99_ns), 'turn, p99'], [duration(s.turn_max_ns), 'longest turn'],
		[percent(cost.programs_ns + cost.traps_ns + cost.self_ns, s.duration_ns), 'own cost, of a core'], [bytes(s.own.rss_bytes), 'own memory'],
	];
	const lost = Object.entries(data.loss_sentences).map(([name, text]) => make('li', {}, `${count(s.lost[name])} ${text} (${name})`));
	const when = s.ended_unix_ns ? new Date(s.ended_unix_ns / 1e6).toISOString().replace('T', ' ').slice(0, 19) + ' UTC' : '';

	box.append(
		make('h1', {}, 'loopstall'),
		make('p', { class: 'dim' }, [targetLine(), when].filter(Boolean).join(' \u00b7 ')),
		make('p', { class: 'verdict', id: 'verdict' }, verdict()),
		make('div', { class: 'figures' }, figures.map(([value, name]) => make('div', { class: 'figure' },
			make('b', {}, value), make('span', {}, name)))));
	if (s.headline)
		box.append(make('p', { class: 'verdict', id: 'headline' }, make('bdi', {}, s.headline + '.')));
	if (lost.length)
		box.append(make('div', { class: 'losses', id: 'losses' }, 'Lost:', make('ul', {}, lost)));
}

/* "resumed in handler web.py:14", "returned" */
function stepEnd(end, verb) {
	if (!end)
		return [];
	if (end.state === 'suspended')
		return [`${verb} in `, ...place(end.function, end.file, end.line)];
	return [end.state === 'cancelled' ? 'was cancelled' : end.state];
}

function stepEnds(s) {
	const from = stepEnd(s.from, 'resumed'), to = stepEnd(s.to, 'suspended');

	return [...from, from.length && to.length ? ', ' : '', ...to];
}

function drawStall(box) {
	const i = state.get('stall'), s = i === null ? undefined : data.stalls[Number(i)];

	box.replaceChildren();
	if (!s)
		return;
	const causes = Object.entries(s.causes_ns).map(([cause, ns]) => `${duration(ns)} ${cause}`).join(', ');
	const frames = s.stack.map((f) => f.function ? clean(`${f.file}:${f.line} in ${f.function}`) : '(code that was freed)');
	const isEntered = s.entry && (s.entry.function !== s.own.function || s.entry.file !== s.own.file);
	const native = (s.native_stack || []).map((f) => clean(`${f.function || '?'} (${f.module || 'not known'})`));
	const stack = native.concat(frames).join('\n');

	box.append(make('div', { class: 'detail', id: 'stall' },
		make('button', { onclick: () => state.set({ stall: null }) }, 'close'),
		make('p', {}, swatch(s.cause), `${duration(s.duration_ns)} ${s.unit} of `, ...coroutinePlace(s.coroutine),
			s.task ? ', task ' : '', s.task ? make('bdi', {}, s.task.name) : ''),
		make('p', { class: 'dim' }, causes, s.call && s.call.syscall ? ` \u00b7 ${s.call.syscall}` : '',
			s.call && s.call.native ? ` \u00b7 ${s.call.native}` : ''),
		s.own ? make('p', { id: 'own' }, 'own code ', ...place(s.own.function, s.own.file, s.own.line), ` holds ${Math.round(100 * s.own.share)} %`,
			...(isEntered ? [', entered at ', ...place(s.entry.function, s.entry.file, s.entry.line)] : [])) : '',
		s.from || s.to ? make('p', { id: 'step-ends' }, ...stepEnds(s)) : '',
		make('p', { class: 'dim' }, `${plural(s.victims.count, 'task')} waited ${duration(s.victims.starved_ns)} in all: `,
			...s.victims.tasks.map((name) => make('bdi', {}, name + ' '))),
		(() => {
			const pre = make('pre');

			pre.textContent = stack;
			return pre;
		})()));
}

/* Fills `main` and returns the function that draws what the address asks for. */
function build(main) {
	const sections = {};

	main.replaceChildren();
	timeline.init();
	flame.init();
	header(main);
	main.append(sections['findings-table'] = make('section'));
	for (const name of ['timeline', 'stall', 'flame'])
		main.append(sections[name] = make('section'));
	const find = make('input', {
		id: 'find', type: 'search', placeholder: 'find in the tables', 'aria-label': 'find in the tables',
		oninput: () => state.set({ find: find.value || null }),
	});

	main.append(make('p', {}, find));
	for (const table of TABLES.slice(1))
		main.append(sections[table.name + '-table'] = make('section'));

	const draw = () => {
		timeline.draw(sections.timeline);
		drawStall(sections.stall);
		flame.draw(sections.flame);
		if (document.activeElement !== find)
			find.value = state.get('find') || '';
		for (const table of TABLES)
			drawTable(table, sections[table.name + '-table']);
		document.body.dataset.drawn = location.hash || '#';
	};

	draw();
	return draw;
}

function start() {
	window.addEventListener('hashchange', build(document.getElementById('main')));
}
