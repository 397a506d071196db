/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What is shown, kept in the address behind "#", so that a view can be sent and the way back works: "key=value&...".
 */
const state = {
	get(key) {
		return new URLSearchParams(location.hash.slice(1)).get(key);
	},
	/* null takes a key away. */
	set(changes) {
		const params = new URLSearchParams(location.hash.slice(1));

		for (const [key, value] of Object.entries(changes)) {
			if (value === null)
				params.delete(key);
			else
				params.set(key, value);
		}
		location.hash = params.toString();
	},
};
