/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The rows of the tables. Those of the whole run are as they were counted. Those of a selection have what is known of its
 * stalls alone: figures of steps are counted for the whole run only, so they are null.
 */

/* What light mode did not count is null, what it estimated is marked. */
function groupRows() {
	return data.summary.groups.rows.map((row, i) => {
		const light = data.light && data.light.rows[i];

		return light ? { ...row, ...light, is_sampled: true } : row;
	});
}

/* Where in the rows of groups a stall is: how src/model/groups.c finds its row, as far as the page knows. */
const GROUP_NAMES = {
	route: (s) => s.request && [s.request.method, s.request.route].filter(Boolean).join(' '),
	test: (s) => s.test,
	file: (s) => s.unit !== 'turn' && ((s.own && s.own.file) || (s.coroutine && s.coroutine.file)),
	task: (s) => s.unit === 'step' && s.task && s.task.name,
};

function codeOf(s) {
	const isTurn = s.unit === 'turn';

	if (isTurn)
		return { name: '(many short steps)', file: null, line: null };
	return s.coroutine || { name: '(not known)', file: null, line: null };
}

function joined(...parts) {
	return JSON.stringify(parts);
}

function groupKeys(s) {
	const key = data.summary.groups.key, name = GROUP_NAMES[key] && GROUP_NAMES[key](s), code = codeOf(s), keys = [];

	if (key === 'process')
		return [joined('pid', s.pid)];
	if (name)
		keys.push(joined('name', name));
	if (key === 'auto' || key === 'entry') {
		const at = s.entry ? s.stack.findLastIndex((f) => f.function === s.entry.function && f.file === s.entry.file) : -1;

		/* A function that only passes calls on has its callees' rows instead of its own. */
		if (s.entry && s.unit !== 'turn')
			keys.push(...s.stack.slice(0, Math.max(at, 0)).reverse().map((f) => joined('entry', f.function, f.file)),
				joined('entry', s.entry.function, s.entry.file));
	}
	return keys.concat(joined('code', code.name, code.file, s.unit), joined('code', code.name, code.file));
}

function groupRowKeys(row) {
	const keys = [joined('name', row.name), joined('code', row.name, row.file)];

	if (data.summary.groups.key === 'process')
		return [joined('pid', row.pid)];
	if (row.is_entry || data.summary.groups.key === 'entry')
		return [joined('entry', row.name, row.file)].concat(keys);
	return row.unit ? [joined('code', row.name, row.file, row.unit)].concat(keys) : keys;
}

function siteKey(name, file, line, cause, syscall, coroutine) {
	return joined(name, file, line, cause, syscall, coroutine && coroutine.name, coroutine && coroutine.file);
}

/* For each table, the keys of a row and those of a stall, the best first. */
const ROW_KEYS = {
	findings: [
		(r) => [r.where ? joined(r.unit === 'turn', r.where.function, r.where.file, r.cause) : r.unit === 'turn' ? 'turn' : ''],
		(s) => [s.own ? joined(s.unit === 'turn', s.own.function, s.own.file, s.own_cause || s.cause) : '',
			s.own ? joined(s.unit === 'turn', s.own.function, s.own.file, s.cause) : '', s.unit === 'turn' ? 'turn' : ''],
	],
	coroutines: [groupRowKeys, groupKeys],
	sites: [
		(r) => [siteKey(r.function, r.file, r.line, r.cause, r.syscall, r.coroutine)],
		(s) => [s.call ? siteKey(s.call.function, s.call.file, s.call.line, s.cause, s.call.syscall, s.unit === 'turn' ? null : s.coroutine) : ''],
	],
	victims: [(r) => [joined(r.name)], (s) => s.victims.tasks.map((name) => joined(name))],
};

/* Row by row, the numbers of its stalls. Made once for each table and data. */
const evidence = {
	tables: new Map(),

	reset() {
		this.tables.clear();
	},

	of(name, rows) {
		if (!this.tables.has(name))
			this.tables.set(name, this.find(name, rows));
		return this.tables.get(name);
	},

	find(name, rows) {
		const [rowKeys, stallKeys] = ROW_KEYS[name], byKey = new Map(), lists = rows.map(() => []);

		rows.forEach((row, i) => rowKeys(row).forEach((key) => byKey.has(key) || byKey.set(key, i)));
		data.stalls.forEach((s, i) => {
			const keys = stallKeys(s).filter((key) => key && byKey.has(key));
			/* A stall has many victims, and one row of any other table. */
			const hits = new Set((name === 'victims' ? keys : keys.slice(0, 1)).map((key) => byKey.get(key)));

			hits.forEach((row) => lists[row].push(i));
		});
		return lists;
	},
};

function sum(stalls, value) {
	return stalls.reduce((total, s) => total + (value(s) || 0), 0);
}

/* The figures of a row that a selection of stalls has, under every name that a table gives them. */
function figuresOf(stalls) {
	const total_ns = sum(stalls, (s) => s.duration_ns);

	return {
		stalls: stalls.length, times: stalls.length, time_ns: total_ns, stalled_ns: total_ns,
		max_ns: stalls.reduce((max, s) => Math.max(max, s.duration_ns), 0),
		starved_ns: sum(stalls, (s) => s.victims.starved_ns),
		cpu_ns: sum(stalls, (s) => s.cpu_ns), blocked_ns: sum(stalls, (s) => s.blocked_ns),
		gil_ns: sum(stalls, (s) => s.gil_ns), runqueue_ns: sum(stalls, (s) => s.runqueue_ns),
	};
}

/* What is counted for the whole run only. */
const WHOLE_RUN = {
	findings: { starved_share: null, loop_share: null },
	coroutines: { steps: null, total_ns: null, p50_ns: null, p99_ns: null, suffered_ns: null, is_sampled: false },
	sites: {},
	/* Of a stall it is known who waited, not who waited how long. */
	victims: { starved_ns: null, worst_ns: null },
};

function narrowedRow(name, row, list, chosen) {
	const stalls = list.filter((i) => chosen.has(i)).map((i) => data.stalls[i]), figures = figuresOf(stalls);

	return stalls.length ? { ...row, ...figures, ...(name === 'sites' ? { total_ns: figures.time_ns } : {}), ...WHOLE_RUN[name] } : null;
}

/* [row, is it found]: the rows of a table in the selection; one is found with any of its stalls. */
function rowsOf(name, all) {
	if (name === 'stalls')
		return selection.chosen.map((i) => [data.stalls[i], selection.isFound(i)]);
	if (!ROW_KEYS[name])
		return all.map((row) => [row, !selection.found || searchText(row).includes(selection.wanted)]);

	const lists = evidence.of(name, all), chosen = selection.isWhole ? null : new Set(selection.chosen);

	return all.map((row, i) => [
		chosen ? narrowedRow(name, row, lists[i], chosen) : row,
		!selection.found || searchText(row).includes(selection.wanted) || lists[i].some((k) => selection.found.has(k)),
	]).filter(([row]) => row);
}
