/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The top of the page: what was measured, how, and the verdict.
 */
function targetLine() {
	const targets = data.start ? data.start.targets : [];

	return targets.map((t) => `${t.comm} ${t.pid}: CPython ${t.python}, ${t.loop || 'no event loop'}`).join('; ');
}

/* "auto: 3.2 s of 20.0 s in light mode" */
function modeLine() {
	const modes = data.summary.modes, mode = data.start ? data.start.mode : data.summary.mode;

	return `mode ${mode}` + (modes.light_ns ? `: ${duration(modes.light_ns)} of ${duration(data.summary.duration_ns)} in light mode` : '');
}

function whenLine() {
	const s = data.summary, end = s.ended_ns;

	if (!end)
		return '';
	if (hasClock())
		return `${dayTime(end - s.duration_ns)} to ${clockTime(end, 1e9)} (${zone(end)})`;
	return s.ended_unix_ns ? 'until ' + new Date(s.ended_unix_ns / 1e6).toISOString().replace('T', ' ').slice(0, 19) + ' UTC' : '';
}

function facts() {
	const start = data.start, rungs = new Set(start ? start.targets.map((t) => t.rung) : []);

	return [
		start && start.host ? 'host ' + start.host : '', start && start.kernel ? start.kernel : '', start ? 'loopstall ' + start.version : '',
		start ? 'threshold ' + duration(start.threshold_ns) : '', modeLine() + (rungs.size ? ` (${[...rungs].join(', ')})` : ''),
	].filter(Boolean);
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

/* The number of steps, or an estimate where light mode did not count all. */
function steps() {
	const light = data.light;

	return !light ? count(data.summary.steps) : light.steps === null ? '-' : '~' + count(light.steps);
}

function header(box) {
	const s = data.summary, cost = s.own_cost;
	const figures = [
		[duration(s.duration_ns), 'watched'], [steps(), 'steps'], [count(s.stalls), 'stalls'],
		[duration(s.starved_ns), 'starved'], [duration(s.turn_p99_ns), 'turn, p99'], [duration(s.turn_max_ns), 'longest turn'],
		[percent(cost.programs_ns + cost.traps_ns + cost.self_ns, s.duration_ns), 'own cost, of a core'], [bytes(s.own.rss_bytes), 'own memory'],
	];

	box.append(
		make('h1', {}, 'loopstall'),
		make('p', { class: 'dim', id: 'target' }, make('bdi', {}, targetLine())),
		make('p', { class: 'dim', id: 'run' }, [whenLine(), ...facts()].filter(Boolean).map((text, i) => make('span', {}, (i ? ' \u00b7 ' : '') + text))),
		make('p', { class: 'verdict' + (s.stalls || (!s.steps && !s.handles) ? '' : ' calm'), id: 'verdict' }, verdict()),
		s.headline ? make('p', { class: 'verdict', id: 'headline' }, make('bdi', {}, s.headline + '.')) : '',
		make('div', { class: 'figures' }, figures.map(([value, name]) => make('div', { class: 'figure' },
			make('b', {}, value), make('span', {}, name)))));
}

/* Last: it matters less than what was seen. */
function losses(box) {
	const lost = Object.entries(data.loss_sentences).map(([name, text]) => make('li', {}, `${count(data.summary.lost[name])} ${text} (${name})`));

	if (lost.length)
		box.append(make('div', { class: 'losses', id: 'losses' }, 'Lost:', make('ul', {}, lost)));
}
