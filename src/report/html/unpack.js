/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The data of a page that is a file: gzip in base64, the stalls column by column (src/report/packed.h).
 */
function setMember(row, key, value) {
	const [outer, inner] = key.split('.');

	if (inner === undefined)
		row[outer] = value;
	else
		(row[outer] ??= {})[inner] = value;
}

function unpackColumn(column, rows) {
	let total = 0;

	(column.rows || column.numbers).forEach((value, i) => {
		total = column.is_rising ? total + value : value;
		if (total !== -1)
			setMember(rows[i], column.key, column.rows ? column.values[value] : total);
	});
}

function unpackStalls(packed) {
	const rows = Array.from({ length: packed.rows }, () => ({}));

	for (const column of packed.columns)
		unpackColumn(column, rows);
	return rows;
}

/* What is left out because it follows from the rest. */
function completeStall(s, causes) {
	if (s.cpu_ns === undefined) {
		Object.assign(s, { cpu_ns: 0, blocked_ns: 0, gil_ns: 0, runqueue_ns: 0 });
		for (const [cause, , part] of causes)
			s[part] += s.causes_ns[cause] || 0;
	}
	s.id = `${s.tid}:${s.start_ns}`;
}

async function unpack(text) {
	const bytes = Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
	const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream('gzip'));
	const whole = JSON.parse(await new Response(stream).text());

	whole.stalls = unpackStalls(whole.stalls);
	whole.stalls.forEach((s) => completeStall(s, whole.causes));
	return whole;
}
