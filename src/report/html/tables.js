/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Tables that are sorted by a click on a title: the key "sort-NAME" holds the column, with a "-" in front for falling
 * order. The key "find" holds what rows must contain.
 */
const MAX_SHOWN = 500;

function texts(title, key, show) {
	return { title, key, isText: true, value: (row) => key(row), show };
}

function figure(title, key, show) {
	return { title, key: (row) => row[key], value: (row) => row[key], show: (row) => (show || duration)(row[key]), id: key };
}

/* How a stall ended unless by itself: "still open", "signal:SIGKILL". */
function endOf(stall) {
	return stall.is_open ? 'still open' : stall.end === 'return' ? '' : stall.end;
}

/* A figure that is not known of every row. */
function maybe(title, key, show) {
	return { ...figure(title, key), value: (row) => row[key] === null ? -1 : row[key],
		show: (row) => row[key] === null ? '-' : (show || duration)(row[key]) };
}

function share(part) {
	return part === null ? '-' : Math.floor(100 * part) + ' %';
}

function groupPlace(row) {
	const isFile = row.file === row.name;

	return [row.unit === 'callback' && !row.is_entry ? 'callback ' : '',
		...place(row.file && !isFile ? row.name + '()' : row.name, isFile ? null : row.file, row.line)];
}

/* What a row of the first table is, null: the default. A live page has no data yet. */
function groupKey() {
	const key = data.summary.groups.key;

	return key === 'auto' ? null : key;
}

const TABLES = [
	{
		name: 'findings',
		title: 'What to fix first',
		rows: () => data.summary.findings,
		sort: '-starved_ns',
		columns: [
			{ ...texts('finding', (r) => r.what, (r) => [make('bdi', {}, r.what), make('div', { class: 'dim' }, r.advice + '.')]), id: 'what' },
			{ ...texts('where', (r) => r.where ? r.where.function || '' : '', (r) => r.where ? place(r.where.function, r.where.file, r.where.line) :
				[make('bdi', {}, r.held_by || '-')]), id: 'where' },
			{ ...figure('of the waiting', 'starved_share'), show: (r) => share(r.starved_share) },
			{ ...figure("of the loop's time", 'loop_share'), show: (r) => share(r.loop_share) },
			figure('others starved', 'starved_ns'),
			figure('stalls', 'stalls', count),
			figure('took', 'time_ns'),
			figure('longest', 'max_ns'),
			{ ...texts('sure', (r) => r.sureness, (r) => [make('span', { title: r.why }, r.sureness)]), id: 'sureness' },
		],
	},
	{
		name: 'coroutines',
		get title() {
			return groupKey() ? 'By ' + groupKey() : 'Coroutines';
		},
		rows: () => data.summary.groups.rows,
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
			maybe('steps', 'steps', count),
			maybe('total', 'total_ns'),
			maybe('p50', 'p50_ns'),
			maybe('p99', 'p99_ns'),
			figure('longest', 'max_ns'),
			figure('on CPU', 'cpu_ns'),
			figure('blocked', 'blocked_ns'),
			figure('GIL', 'gil_ns'),
			figure('no CPU free', 'runqueue_ns'),
			maybe('suffered', 'suffered_ns'),
		],
	},
	{
		name: 'sites',
		title: 'Call sites',
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
		name: 'victims',
		title: 'Victims',
		rows: () => data.summary.victims,
		sort: '-starved_ns',
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
		rows: () => data.stalls,
		sort: '-duration_ns',
		pick: (row) => state.set({ stall: data.stalls.indexOf(row) }),
		columns: [
			{ ...figure('at', 'start_ns'), show: (r) => duration(r.start_ns - timeline.from) },
			figure('duration', 'duration_ns'),
			{ ...texts('end', (r) => endOf(r), (r) => [make('span', { class: 'open' }, endOf(r))]), id: 'end' },
			{ ...texts('cause', (r) => r.cause, (r) => [swatch(r.cause), r.cause]), id: 'cause' },
			{ ...texts('unit', (r) => r.unit, (r) => [r.unit]), id: 'unit' },
			{ ...texts('task', (r) => r.task ? r.task.name : '', (r) => [make('bdi', {}, r.task ? r.task.name : '-')]), id: 'task' },
			{ ...texts('coroutine', (r) => r.coroutine ? r.coroutine.name : '', (r) => coroutinePlace(r.coroutine)), id: 'coroutine' },
			{ ...texts('own code', (r) => r.own ? r.own.function : '', (r) => r.own ? place(r.own.function, r.own.file, r.own.line) : ['-']), id: 'own' },
			{ ...texts('line', (r) => r.call && r.call.function || '', (r) => r.call ? place(r.call.function, r.call.file, r.call.line) : ['-']), id: 'call' },
			{ ...figure('victims', 'victims', count), value: (r) => r.victims.count, show: (r) => count(r.victims.count) },
		],
	},
];

function order(column, isFalling) {
	return (a, b) => {
		const x = column.value(a), y = column.value(b);
		const r = column.isText ? (x < y ? -1 : x > y ? 1 : 0) : x - y;

		return isFalling ? -r : r;
	};
}

function matches(row, wanted) {
	return !wanted || JSON.stringify(row).toLowerCase().includes(JSON.stringify(wanted.toLowerCase()).slice(1, -1));
}

function drawTable(table, box) {
	const sort = state.get('sort-' + table.name) || table.sort;
	const isFalling = sort.startsWith('-');
	const column = table.columns.find((c) => c.id === sort.replace(/^-/, '')) || table.columns[0];
	const rows = table.rows().filter((row) => matches(row, state.get('find'))).sort(order(column, isFalling));
	const head = table.columns.map((c) => make('th', {
		class: c.isText ? 'text' : null,
		scope: 'col',
		'aria-sort': c === column ? (isFalling ? 'descending' : 'ascending') : null,
	}, make('button', {
		'data-column': c.id,
		onclick: () => state.set({ ['sort-' + table.name]: (c === column ? !isFalling : !c.isText) ? '-' + c.id : c.id }),
	}, c.title)));
	const body = rows.slice(0, MAX_SHOWN).map((row) => make('tr', table.pick ? { class: 'pick', onclick: () => table.pick(row) } : {},
		table.columns.map((c) => make('td', { class: c.isText ? 'text' : null }, c.show(row)))));

	box.replaceChildren(
		make('h2', {}, table.title, make('span', { class: 'dim' }, ' ' + count(rows.length))),
		make('div', { class: 'scroll' }, make('table', { id: 'table-' + table.name },
			make('thead', {}, make('tr', {}, head)), make('tbody', {}, body))));
	if (rows.length > MAX_SHOWN)
		box.append(make('p', { class: 'dim' }, `the first ${MAX_SHOWN} of ${count(rows.length)}`));
	if (table.name === 'stalls' && data.stalls_left_out)
		box.append(make('p', { class: 'dim' }, `${plural(data.stalls_left_out, 'shorter stall')} left out here and in the timeline`));
}
