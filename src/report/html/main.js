/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Puts the page together and draws again whenever the address behind "#" changes.
 */
function searchBox() {
	const find = make('input', {
		id: 'find', type: 'search', placeholder: 'find a name, a file, a route \u2026', 'aria-label': 'find',
		oninput: () => state.set({ find: find.value || null }, true),
	});

	return find;
}

/* What is worked out once for the data. */
function readData() {
	selection.reset();
	evidence.reset();
	timeline.init();
	flame.init();
}

/* Fills `main` and returns the function that draws what the address asks for. */
function build(main) {
	const sections = {}, find = searchBox(), chips = make('span', { class: 'chips' });
	const section = (name) => sections[name] = make('section', { id: 'section-' + name });

	main.replaceChildren();
	let version = data.version;

	readData();
	header(main);
	main.append(make('div', { class: 'bar', role: 'search' }, find, chips,
		make('button', { id: 'help', title: 'keys', onclick: () => state.set({ keys: state.get('keys') ? null : 1 }) }, '?')));
	for (const name of ['findings-table', 'timeline', 'flame', 'sandwich'])
		main.append(section(name));
	for (const table of TABLES.slice(1))
		main.append(section(table.name + '-table'));
	losses(main);
	main.append(section('stall'), section('keys'));

	const draw = () => {
		if (version !== data.version) {
			version = data.version;
			readData();
		}
		selection.update();
		flame.update();
		if (document.activeElement !== find)
			find.value = state.get('find') || '';
		drawChips(chips);
		sections.timeline.hidden = sections.flame.hidden = !data.stalls.length;
		timeline.draw(sections.timeline);
		flame.draw(sections.flame);
		sandwich.draw(sections.sandwich);
		for (const table of TABLES)
			drawTable(table, sections[table.name + '-table']);
		drawStall(sections.stall);
		drawKeys(sections.keys);
		document.body.dataset.drawn = location.hash || '#';
	};

	draw();
	return draw;
}

async function start() {
	const main = document.getElementById('main');

	try {
		Object.assign(data, await unpack(document.getElementById('data').textContent));
	} catch (error) {
		main.append(make('p', { class: 'stuck' }, `This browser cannot read the report: ${error.message}`));
		return;
	}
	window.addEventListener('hashchange', build(main));
	listenToKeys();
}
