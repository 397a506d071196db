/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One stall in detail, at the lower edge of the window: the key "stall" holds its number.
 */
function showStall(i) {
	state.set({ stall: i });
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

function request(s) {
	const of = s.request ? [s.request.method, s.request.route].filter(Boolean).join(' ') : '';

	return [of ? 'request ' : '', make('bdi', {}, clean(of)), of && s.test ? ', ' : '', s.test ? 'test ' : '', make('bdi', {}, clean(s.test || ''))];
}

/* Of a turn: what it consisted of, and what made its tasks ready. */
function turnParts(s) {
	const by = s.made_by, lines = [];

	for (const part of s.made_of || [])
		lines.push(make('p', { class: 'dim' }, `${plural(part.steps, 'step')} of `, ...coroutinePlace(part.coroutine),
			`: ${duration(part.duration_ns)}, ${Math.round(100 * part.share)} %`));
	if (s.made_of_rest)
		lines.push(make('p', { class: 'dim' }, `${plural(s.made_of_rest.steps, 'step')} of others: ${duration(s.made_of_rest.duration_ns)}`));
	if (s.made_of)
		lines.push(make('p', { class: 'dim' }, `callbacks and the loop itself: ${duration(s.callbacks_ns)}`));
	if (by)
		lines.push(make('p', { id: 'made_by' }, `${plural(by.steps, 'task')} ${by.is_created === null ? 'made ready' : by.is_created ? 'created' : 'woken'} by `,
			...coroutinePlace(by.coroutine), ...(by.call ? [' at ', ...place(by.call.function, by.call.file, by.call.line)] : [])));
	return lines;
}

/* The lines around the one that the stall is placed at. */
function sourceLines(s) {
	if (!s.source)
		return '';
	return make('pre', { class: 'source', id: 'source' }, s.source.lines.map((text, i) => {
		const number = s.source.first_line + i;

		return make('span', { class: number === s.source.line ? 'line at' : 'line' }, String(number).padStart(5) + '  ' + text.replace(/\t/g, '    '));
	}));
}

function stackLines(s) {
	const frames = s.stack.map((f) => f.function ? `${f.file}:${f.line} in ${f.function}` : '(code that was freed)');
	const native = (s.native_stack || []).map((f) => `${f.function || '?'} (${f.module || 'not known'})`);
	const pre = make('pre', { class: 'stack' });

	pre.textContent = native.concat(frames).map(clean).join('\n');
	return pre;
}

/* Names that differ in their last number alone as one, as in "heartbeat-* (10)": three of them and more. */
function foldedNames(names) {
	const families = new Map();

	for (const name of names) {
		const stem = (/^(.*[^0-9])[0-9]+$/s.exec(name) || [])[1], key = stem === undefined ? '=' + name : '*' + stem;

		families.set(key, [...(families.get(key) || []), name]);
	}
	return [...families].flatMap(([key, members]) =>
		key[0] === '*' && members.length > 2 ? [{ name: key.slice(1) + '*', n: members.length }] : members.map((name) => ({ name, n: 1 })));
}

function victimsLine(s) {
	const { count, tasks } = s.victims;

	return count === null ? make('p', { class: 'dim' }, 'Who waited is not known.') :
		make('p', { class: 'dim', id: 'waited' }, `${plural(count, 'task')} waited ${duration(s.victims.starved_ns)} in all: `,
			...foldedNames(tasks).flatMap(({ name, n }) => [make('bdi', {}, name), n > 1 ? ` (${n}) ` : ' ']),
			tasks.length && tasks.length < count ? `and ${count - tasks.length} more` : '');
}

function stallFacts(s) {
	const causes = Object.entries(s.causes_ns).map(([cause, ns]) => `${duration(ns)} ${cause}`).join(', ');
	const isEntered = s.entry && (s.entry.function !== s.own.function || s.entry.file !== s.own.file);

	return make('div', { class: 'facts' },
		make('p', {}, swatch(s.cause), `${duration(s.duration_ns)} ${s.unit} of `, ...coroutinePlace(s.coroutine),
			s.task ? ', task ' : '', s.task ? make('bdi', {}, s.task.name) : '', endOf(s) ? make('b', {}, ', ' + endOf(s)) : ''),
		make('p', { class: 'dim' }, hasClock() ? `${dayTime(s.start_ns)} (${zone(s.start_ns)}), ` : '', `+${duration(s.start_ns - timeline.base)}, ${s.mode} mode`),
		make('p', { class: 'dim' }, causes, s.call && s.call.syscall ? ` \u00b7 ${s.call.syscall}` : '', s.call && s.call.native ? ` \u00b7 ${s.call.native}` : ''),
		s.own ? make('p', { id: 'own' }, 'own code ', ...place(s.own.function, s.own.file, s.own.line), ` holds ${Math.round(100 * s.own.share)} %`,
			...(isEntered ? [', entered at ', ...place(s.entry.function, s.entry.file, s.entry.line)] : [])) : '',
		s.request || s.test ? make('p', { id: 'request' }, ...request(s)) : '',
		s.from || s.to ? make('p', { id: 'step-ends' }, ...stepEnds(s)) : '',
		...turnParts(s), victimsLine(s));
}

/* The stalls of the selection in the order of time, as "n" and "p" go through them. */
function nextStall(by) {
	const list = selection.chosen.filter((i) => selection.isFound(i)), at = list.indexOf(Number(state.get('stall') ?? -1));

	if (list.length)
		showStall(list[at < 0 ? (by > 0 ? 0 : list.length - 1) : Math.min(Math.max(at + by, 0), list.length - 1)]);
}

function drawStall(box) {
	const i = state.get('stall'), s = i === null ? undefined : data.stalls[Number(i)];

	box.replaceChildren();
	document.body.classList.toggle('has-stall', Boolean(s));
	if (!s)
		return;
	box.append(make('div', { class: 'detail', id: 'stall', role: 'region', 'aria-label': 'stall' },
		make('div', { class: 'buttons' },
			make('button', { id: 'close-stall', title: 'Esc', onclick: () => state.set({ stall: null }) }, 'close'),
			make('button', { title: 'p', onclick: () => nextStall(-1) }, 'earlier'), make('button', { title: 'n', onclick: () => nextStall(1) }, 'later')),
		make('div', { class: 'columns' }, stallFacts(s), make('div', { class: 'places' }, sourceLines(s), stackLines(s)))));
}
