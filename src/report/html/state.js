/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What is shown, kept in the address behind "#", so that a view can be sent and the way back works: "key=value&...".
 */
const state = {
	hash: '',
	params: new URLSearchParams(),

	get(key) {
		if (this.hash !== location.hash)
			[this.hash, this.params] = [location.hash, new URLSearchParams(location.hash.slice(1))];
		return this.params.get(key);
	},
	/* null takes a key away. A change that is one of many in a row, as of a wheel, leaves no trace in the history. */
	set(changes, isPassing) {
		const params = new URLSearchParams(location.hash.slice(1));

		for (const [key, value] of Object.entries(changes)) {
			if (value === null)
				params.delete(key);
			else
				params.set(key, value);
		}
		if (isPassing)
			location.replace('#' + params.toString());
		else
			location.hash = params.toString();
	},
};

/* What the page shows; the scripts only read it. */
const data = {
	start: null, summary: null, causes: [], loss_sentences: {}, flame: { frames: [], nodes: [], cut: 0 }, stalls: [],
	stalls_left_out: 0, victims: 0, clock_offset_us: null, light: null, open: [],
	version: 0, /* one more whenever the data have changed */
};
