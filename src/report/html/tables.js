/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Tables that are sorted by a click on a title: the key "sort-NAME" holds the column, with a "-" in front for falling
 * order. Rows that are not found ("find") are left out. Of a long table the first rows
 * are shown, and more by "all-NAME".
 */
const MAX_SHOWN = 500;

function order(column, isFalling) {
	return ([a], [b]) => {
		const x = column.value(a), y = column.value(b);
		const r = column.isText ? (x < y ? -1 : x > y ? 1 : 0) : x - y;

		return isFalling ? -r : r;
	};
}

function tableHead(table, columns, column, isFalling) {
	return make('tr', {}, columns.map((c) => make('th', {
		class: c.isText ? 'text' : null,
		scope: 'col',
		'aria-sort': c === column ? (isFalling ? 'descending' : 'ascending') : null,
	}, make('button', {
		'data-column': c.id,
		onclick: () => state.set({ ['sort-' + table.name]: (c === column ? !isFalling : !c.isText) ? '-' + c.id : c.id }),
	}, c.title))));
}

/* With the keyboard as with the mouse. */
function tableRow(table, columns, row, isHidden) {
	const attributes = table.pick ? {
		class: 'pick', tabindex: 0, onclick: () => table.pick(row),
		onkeydown: (event) => event.key === 'Enter' && table.pick(row),
	} : {};

	if (isHidden)
		attributes.hidden = '';
	return make('tr', attributes, columns.map((c) => make('td', { class: c.isText ? 'text' : null, 'data-title': c.title }, c.show(row))));
}

function tableNotes(table, shown, total) {
	const notes = [], key = 'all-' + table.name;

	if (shown < Math.min(total, MAX_SHOWN))
		notes.push(make('p', { class: 'dim' }, `the first ${shown} of ${count(total)} `, make('button', { onclick: () => state.set({ [key]: 1 }) }, 'show all')));
	else if (shown < total)
		notes.push(make('p', { class: 'dim' }, `the first ${shown} of ${count(total)}`));
	if (table.name === 'stalls' && data.stalls_left_out)
		notes.push(make('p', { class: 'dim' }, `${plural(data.stalls_left_out, 'shorter stall')} left out here and in the timeline`));
	if (table.name === 'findings' && !selection.isWhole) {
		const n = evidence.of('findings', table.rows()).filter((list) => !list.length).length;

		if (n)
			notes.push(make('p', { class: 'dim', id: 'findings-of-the-run' }, `without ${plural(n, 'finding')} of the whole run, as on the host or on who held a lock`));
	}
	if (table.name === 'victims' && data.victims > data.summary.victims.length)
		notes.push(make('p', { class: 'dim' }, `the ${count(data.summary.victims.length)} that waited longest, of ${count(data.victims)}`));
	return notes;
}

function drawTable(table, box) {
	const sort = state.get('sort-' + table.name) || table.sort, isFalling = sort.startsWith('-');
	const column = table.columns.find((c) => c.id === sort.replace(/^-/, '')) || table.columns[0];
	const columns = table.columns.filter((c) => c === column || !c.isEmpty || !c.isEmpty());
	const rows = rowsOf(table.name, table.rows() || []).filter(([, isFound]) => isFound).sort(order(column, isFalling));
	const shown = rows.slice(0, MAX_SHOWN), most = state.get('all-' + table.name) || !table.most ? MAX_SHOWN : table.most;

	/* A run without stalls has nothing to say there. */
	box.hidden = !rows.length && (table.isOptional || !data.summary.stalls);
	box.replaceChildren(
		make('h2', {}, table.title, make('span', { class: 'dim' }, ' ' + count(rows.length)), table.note ? make('span', { class: 'dim hint' }, table.note) : null),
		make('div', { class: 'scroll' }, make('table', { id: 'table-' + table.name },
			make('thead', {}, tableHead(table, columns, column, isFalling)), make('tbody', {}, shown.map(([row], i) => tableRow(table, columns, row, i >= most))))),
		...tableNotes(table, Math.min(most, shown.length), rows.length));
}
