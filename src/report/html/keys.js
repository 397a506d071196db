/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The keyboard, and the line that says what is selected.
 */
const KEYS = [
	['/', 'search'], ['n, p', 'later, earlier stall'], ['Esc', 'close what was opened last, show all again'],
	['+, -', 'in the timeline: zoom'], ['arrows', 'in the timeline: move; in the flame graph: parent, child, siblings'],
	['0', 'in the timeline: the whole run'], ['Enter', 'on a row or a box: as a click'], ['s', 'on a box: callers and callees'], ['?', 'these keys'],
];

/* What Esc takes away, one key after the other. */
const ESCAPES = ['keys', 'stall', 'function', 'flame', 'find', 'cause', 'loop', 'time'];

function closeLast() {
	const key = ESCAPES.find((k) => state.get(k) !== null);

	if (key)
		state.set({ [key]: null });
}

const SHORTCUTS = {
	'/': () => document.getElementById('find').focus(),
	n: () => nextStall(1),
	p: () => nextStall(-1),
	'?': () => state.set({ keys: state.get('keys') ? null : 1 }),
	Escape: closeLast,
};

function listenToKeys() {
	window.addEventListener('keydown', (event) => {
		const isTyping = event.target.id === 'find', action = SHORTCUTS[event.key];

		if (!action || event.ctrlKey || event.altKey || event.metaKey || (isTyping && event.key !== 'Escape'))
			return;
		event.preventDefault();
		if (isTyping)
			event.target.blur();
		action();
	});
}

function drawKeys(box) {
	box.replaceChildren();
	if (state.get('keys'))
		box.append(make('div', { class: 'detail', id: 'keys' }, make('button', { onclick: () => state.set({ keys: null }) }, 'close'),
			make('dl', {}, KEYS.flatMap(([key, what]) => [make('dt', {}, key), make('dd', {}, what)]))));
}

/* "14:03:27.5 to 14:03:29.1" */
function spanText() {
	const [from, to] = timeline.window();

	return hasClock() ? `${clockTime(from, to - from < 1e10 ? 1e6 : 1e9)} to ${clockTime(to, to - from < 1e10 ? 1e6 : 1e9)} (${duration(Math.round(to - from))})` :
		`+${duration(Math.round(from - timeline.base))} to +${duration(Math.round(to - timeline.base))}`;
}

function chip(id, text, key) {
	return make('button', { class: 'chip', id, title: 'show all again', onclick: () => state.set({ [key]: null }) }, text, ' \u00d7');
}

function drawChips(box) {
	const stalls = selection.stalls(), found = selection.found && selection.chosen.filter((i) => selection.found.has(i)).length;
	const all = data.stalls_left_out ? `, the longest of ${count(data.summary.stalls)}` : '';
	const starved = sum(stalls, (s) => s.victims.starved_ns), loop = state.get('loop');

	box.replaceChildren(...[
		state.get('time') ? chip('whole-run', spanText(), 'time') : null,
		state.get('cause') ? chip('all-causes', state.get('cause'), 'cause') : null,
		loop ? chip('all-loops', timeline.loops().get(loop) || loop, 'loop') : null,
		make('span', { class: 'dim', id: 'selected' }, selection.isWhole ? plural(stalls.length, 'stall') + all :
			`${count(stalls.length)} of ${plural(data.stalls.length, 'stall')}, ${duration(sum(stalls, (s) => s.duration_ns))} stalled, ${duration(starved)} starved`,
		found === null ? '' : `, ${count(found)} found`),
	].filter(Boolean));
}
