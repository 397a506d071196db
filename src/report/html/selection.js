/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The stalls that everything but the header is about: those that overlap the visible time ("time"), have the cause ("cause")
 * and are of the loop ("loop") that were chosen. What is searched for ("find") takes nothing away from sums; it says which
 * rows, bars and stalls are found.
 */
const selection = {
	chosen: [], /* numbers of stalls */
	isWhole: true,
	wanted: '', /* in lower case */
	texts: [], /* of the stalls, made when something is searched for */
	found: null, /* Set of numbers, or null if nothing is searched for */

	/* The data are new. */
	reset() {
		this.texts = [];
	},

	overlaps(s, [from, to]) {
		return s.start_ns <= to && s.start_ns + s.duration_ns >= from;
	},

	update() {
		const cause = state.get('cause'), loop = state.get('loop'), window = timeline.window();

		this.isWhole = !state.get('time') && !cause && !loop;
		this.chosen = [];
		data.stalls.forEach((s, i) => {
			if (this.isWhole || (this.overlaps(s, window) && (!cause || s.cause === cause) && (!loop || loopKey(s) === loop)))
				this.chosen.push(i);
		});
		this.wanted = (state.get('find') || '').toLowerCase();
		this.found = this.wanted ? new Set([...data.stalls.keys()].filter((i) => this.text(i).includes(this.wanted))) : null;
	},

	text(i) {
		this.texts[i] ??= searchText(data.stalls[i]);
		return this.texts[i];
	},

	isFound(i) {
		return !this.found || this.found.has(i);
	},

	stalls() {
		return this.chosen.map((i) => data.stalls[i]);
	},
};

function loopKey(s) {
	return s.pid + '/' + s.tid;
}

/* The words of a row in lower case, those of the objects in it as well, places as they are shown. Keys are no words of it. */
function searchText(value) {
	const words = [];
	const add = (v) => {
		if (typeof v === 'string')
			words.push(v);
		else if (v && typeof v === 'object')
			Object.values(v).forEach(add);
		if (v && v.file && v.line)
			words.push(`${v.file}:${v.line}`);
		if (v && v.method && v.route)
			words.push(`${v.method} ${v.route}`);
	};

	add(value);
	return words.join('\n').toLowerCase();
}
