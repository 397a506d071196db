/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The tables and their columns. A column has a key to sort by, a value and a way to show it; null is "-".
 */
function texts(title, key, show) {
	return { title, key, isText: true, value: (row) => key(row), show };
}

/* A figure; null is not known of this row. What light mode estimated is marked. */
function figure(title, key, show) {
	return {
		title, id: key, value: (row) => row[key] ?? -1,
		show: (row) => row[key] === null ? '-' : (row.is_sampled && SAMPLED.includes(key) ? '~' : '') + (show || duration)(row[key]),
	};
}

const SAMPLED = ['steps', 'p50_ns', 'p99_ns'];

/* How a stall ended unless by itself: "still open", "signal:SIGKILL". */
function endOf(stall) {
	return stall.is_open ? 'still open' : stall.end === 'return' ? '' : stall.end;
}

function share(part) {
	return Math.floor(100 * part) + ' %';
}

/* "GET /orders/{id}", and the test it came from. */
function requestOf(s) {
	const of = s.request ? [s.request.method, s.request.route].filter(Boolean).join(' ') : '';

	return [of, s.test].filter(Boolean).join(', ');
}

function groupPlace(row) {
	const isFile = row.file === row.name;

	return [row.unit === 'callback' && !row.is_entry ? 'callback ' : '',
		...place(row.file && !isFile ? row.name + '()' : row.name, isFile ? null : row.file, row.line)];
}

/* What a row of the table of groups is, null: the default. */
function groupKey() {
	const key = data.summary.groups.key;

	return key === 'auto' ? null : key;
}

/* The longest stall behind a finding, if the list has it. */
function worstOf(finding) {
	const w = finding.worst;

	return w ? data.stalls.findIndex((s) => s.start_ns === w.start_ns && s.tid === w.tid && s.pid === w.pid) : -1;
}

/* The line of the user's code that a stall is placed at, as it was when it was recorded. */
function sourceLine(s) {
	const lines = s && s.source ? s.source.lines : [], text = lines.length ? lines[s.source.line - s.source.first_line] : undefined;

	return text === undefined ? null : make('code', { class: 'source' }, text.trim());
}

function findingWhere(f) {
	const at = f.where ? place(f.where.function, f.where.file, f.where.line) : [make('bdi', {}, f.held_by || '-')];
	const worst = f.where && data.stalls[worstOf(f)], isSame = worst && worst.own && worst.own.line === f.where.line && worst.own.file === f.where.file;

	return isSame ? [...at, sourceLine(worst)] : at;
}

function stallTime(s) {
	return make('span', { title: '+' + duration(s.start_ns - timeline.base) }, hasClock() ? clockTime(s.start_ns, 1e6) : '+' + duration(s.start_ns - timeline.base));
}

const TABLES = [
	{
		name: 'findings',
		title: 'What to fix first',
		rows: () => data.summary.findings,
		sort: '-starved_ns',
		most: 10,
		pick: (row) => worstOf(row) >= 0 && showStall(worstOf(row)),
		columns: [
			{ ...texts('finding', (r) => r.what, (r) => [make('bdi', {}, r.what), make('div', { class: 'dim' }, r.advice + '.')]), id: 'what' },
			{ ...texts('where', (r) => r.where ? r.where.function || '' : '', findingWhere), id: 'where' },
			figure('of the waiting', 'starved_share', share),
			figure("of the loop's time", 'loop_share', share),
			figure('others starved', 'starved_ns'),
			figure('stalls', 'stalls', count),
			figure('took', 'time_ns'),
			figure('longest', 'max_ns'),
			{ ...texts('sure', (r) => r.sureness, (r) => [make('span', { title: clean(r.why) }, r.sureness)]), id: 'sureness' },
		],
	},
	{
		name: 'coroutines',
		most: 50,
		get title() {
			return groupKey() ? 'By ' + groupKey() : 'Coroutines';
		},
		rows: groupRows,
		sort: '-starved_ns',
		columns: [
			{
				...texts('', (r) => r.name, (r) => groupPlace(r)), id: 'name',
				get title() {
					return groupKey() || 'coroutine';
				},
			},
			figure('others starved', 'starved_ns'),
			figure('stalls', 'stalls', count),
			figure('steps', 'steps', count),
			figure('total', 'total_ns'),
			figure('p50', 'p50_ns'),
			figure('p99', 'p99_ns'),
			figure('longest', 'max_ns'),
			figure('on CPU', 'cpu_ns'),
			figure('blocked', 'blocked_ns'),
			figure('GIL', 'gil_ns'),
			figure('no CPU free', 'runqueue_ns'),
			figure('suffered', 'suffered_ns'),
		],
	},
	{
		name: 'sites',
		title: 'Call sites',
		most: 50,
		rows: () => data.summary.call_sites,
		sort: '-total_ns',
		columns: [
			{ ...texts('line', (r) => r.function || '', (r) => place(r.function, r.file, r.line)), id: 'function' },
			{ ...texts('cause', (r) => r.cause, (r) => [swatch(r.cause), r.cause]), id: 'cause' },
			{ ...texts('system call', (r) => r.syscall || '', (r) => [r.syscall || '-']), id: 'syscall' },
			{ ...texts('coroutine', (r) => r.coroutine ? r.coroutine.name : '', (r) => coroutinePlace(r.coroutine)), id: 'coroutine' },
			figure('stalls', 'stalls', count),
			figure('stalled', 'total_ns'),
			figure('longest', 'max_ns'),
			figure('others starved', 'starved_ns'),
		],
	},
	{
		name: 'functions',
		title: 'Functions',
		note: 'A row shows callers and callees.',
		rows: () => sandwich.rows(),
		sort: '-total_ns',
		most: 25,
		pick: (row) => state.set({ function: row.node }),
		columns: [
			{ ...texts('function', (r) => r.name, (r) => place(r.name, r.file, 0)), id: 'name' },
			figure('stalled in it', 'total_ns'),
			figure('in it alone', 'self_ns'),
			figure('stalls', 'stalls', count),
		],
	},
	{
		name: 'pools',
		title: 'Pools',
		isOptional: true,
		note: 'At the last look, also if a selection is shown.',
		rows: () => data.summary.pools,
		sort: '-waiting_max',
		columns: [
			{ ...texts('pool', (r) => r.name || '', (r) => [r.kind + ' ', make('bdi', { class: 'dim' }, r.name || ''), r.is_default ? ' (default)' : '']), id: 'name' },
			figure('process', 'pid', String),
			figure('size', 'size', count),
			figure('busy', 'busy', count),
			figure('wait for it', 'waiting', count),
			figure('at most', 'waiting_max', count),
			figure('full for', 'full_ns'),
			{ ...texts('busy in', (r) => r.places.length ? r.places[0].where.function || '' : '', (r) => r.places.length ? r.places.map((p) => make('div', {},
				`${p.threads} `, ...place(p.where.function, p.where.file, p.where.line))) : ['-']), id: 'places' },
		],
	},
	...[['gil_holders', 'Who held the GIL', 'gil_ns'], ['lock_holders', 'Who held the lock', 'lock_ns']].map(([name, title, waited]) => ({
		name,
		title,
		isOptional: true,
		note: 'Of the whole run, also if a selection is shown.',
		rows: () => data.summary[name],
		sort: '-' + waited,
		columns: [
			{ ...texts('line', (r) => r.function || '', (r) => r.file ? place(r.function, r.file, r.line) : [r.is_collecting ? 'garbage collector' : 'not known']), id: 'function' },
			{ ...texts('thread', (r) => r.thread || r.process || '', (r) => [r.process ? 'process ' : '', make('bdi', {}, r.thread || r.process || '-')]), id: 'thread' },
			figure('waited', waited),
			figure('stalls', 'stalls', count),
			figure('others starved', 'starved_ns'),
		],
	})),
	{
		name: 'victims',
		title: 'Victims',
		rows: () => data.summary.victims,
		sort: '-starved_ns',
		most: 25,
		columns: [
			{ ...texts('task', (r) => r.name || '', (r) => [make('bdi', {}, r.name || '(tasks without a name)')]), id: 'name' },
			{ ...texts('coroutine', (r) => r.coroutine ? r.coroutine.name : '', (r) => coroutinePlace(r.coroutine)), id: 'coroutine' },
			{ ...texts('mostly behind', (r) => r.culprit ? r.culprit.name : '', (r) => coroutinePlace(r.culprit)), id: 'culprit' },
			figure('times', 'times', count),
			figure('starved', 'starved_ns'),
			figure('worst', 'worst_ns'),
		],
	},
	{
		name: 'stalls',
		title: 'Stalls',
		most: 100,
		rows: () => selection.stalls(),
		sort: '-duration_ns',
		pick: (row) => showStall(data.stalls.indexOf(row)),
		columns: [
			{ ...figure('at', 'start_ns'), show: stallTime },
			figure('duration', 'duration_ns'),
			{ ...texts('end', (r) => endOf(r), (r) => [make('span', { class: 'open' }, endOf(r))]), id: 'end', isEmpty: () => !data.stalls.some(endOf) },
			{ ...texts('cause', (r) => r.cause, (r) => [swatch(r.cause), r.cause]), id: 'cause' },
			{ ...texts('unit', (r) => r.unit, (r) => [r.unit]), id: 'unit' },
			{ ...texts('request or test', requestOf, (r) => [make('bdi', {}, requestOf(r) || '-')]), id: 'request', isEmpty: () => !data.stalls.some(requestOf) },
			{ ...texts('task', (r) => r.task ? r.task.name : '', (r) => [make('bdi', {}, r.task ? r.task.name : '-')]), id: 'task' },
			{ ...texts('coroutine', (r) => r.coroutine ? r.coroutine.name : '', (r) => coroutinePlace(r.coroutine)), id: 'coroutine' },
			{ ...texts('own code', (r) => r.own ? r.own.function : '', (r) => r.own ? place(r.own.function, r.own.file, r.own.line) : ['-']), id: 'own' },
			{ ...texts('line', (r) => r.call && r.call.function || '', (r) => r.call ? place(r.call.function, r.call.file, r.call.line) : ['-']), id: 'call' },
			{ ...figure('victims', 'victims', count), value: (r) => r.victims.count ?? -1, show: (r) => r.victims.count === null ? 'not known' : count(r.victims.count) },
		],
	},
];
