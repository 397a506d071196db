/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Numbers as people read them, names made safe to look at, elements. Names only ever become text nodes.
 */

/* What could reorder or hide the text around it: controls, bidi controls, line separators, zero-width characters. */
const UNSEEN = /[\u0000-\u001f\u007f-\u009f\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff]/g;

function clean(text) {
	return String(text).replace(UNSEEN, (c) => '\\u' + c.charCodeAt(0).toString(16).padStart(4, '0'));
}

function threeDigits(value) {
	return value >= 100 ? value.toFixed(0) : value >= 10 ? value.toFixed(1) : value.toFixed(2);
}

function duration(ns) {
	const units = [['s', 1e9], ['ms', 1e6], ['us', 1e3]];

	if (!ns)
		return '0 s';
	for (const [unit, one] of units)
		if (ns >= one)
			return threeDigits(ns / one) + ' ' + unit;
	return ns + ' ns';
}

function count(n) {
	return n.toLocaleString('en');
}

function bytes(n) {
	return (n / 1048576).toFixed(1) + ' MiB';
}

function percent(part, whole) {
	return whole ? (100 * part / whole).toFixed(2) + ' %' : '-';
}

function pathTail(path) {
	return path.split('/').slice(-2).join('/');
}

function plural(n, word) {
	return count(n) + ' ' + word + (n === 1 ? '' : 's');
}

/* The clock of whoever looks. The times of a run whose clock is not known count from its beginning. */
function hasClock() {
	return data.clock_offset_us !== null;
}

function dateOf(ns) {
	return new Date((ns / 1e3 + data.clock_offset_us) / 1e3);
}

function twoDigits(n) {
	return String(n).padStart(2, '0');
}

/* "14:03:27", with as many digits behind the second as a step of `step_ns` needs. */
function clockTime(ns, step_ns) {
	const date = dateOf(ns), digits = step_ns >= 1e9 ? 0 : step_ns >= 1e6 ? 3 : 6;
	const us = String(Math.floor(ns / 1e3 + data.clock_offset_us) % 1e6).padStart(6, '0');

	return [date.getHours(), date.getMinutes(), date.getSeconds()].map(twoDigits).join(':') +
		(digits ? '.' + us.slice(0, digits) : '');
}

function dayTime(ns) {
	const date = dateOf(ns);

	return `${date.getFullYear()}-${twoDigits(date.getMonth() + 1)}-${twoDigits(date.getDate())} ${clockTime(ns, 1e9)}`;
}

/* "UTC+02:00" */
function zone(ns) {
	const minutes = -dateOf(ns).getTimezoneOffset(), size = Math.abs(minutes);

	return 'UTC' + (minutes ? (minutes > 0 ? '+' : '-') + twoDigits(Math.floor(size / 60)) + ':' + twoDigits(size % 60) : '');
}

const SVG = ['svg', 'rect', 'title', 'line'];

/* An element with attributes ("on..." are listeners) and children, which are elements or texts. */
function make(tag, attributes, ...children) {
	const node = SVG.includes(tag) ? document.createElementNS('http://www.w3.org/2000/svg', tag) : document.createElement(tag);

	for (const [name, value] of Object.entries(attributes || {})) {
		if (name.startsWith('on'))
			node.addEventListener(name.slice(2), value);
		else if (value !== null && value !== undefined)
			node.setAttribute(name, value);
	}
	for (const child of children.flat())
		if (child !== null && child !== undefined)
			node.append(child.nodeType ? child : clean(child));
	return node;
}

/*
 * Colours of the causes, the same in light and dark: hue, saturation, lightness, so that those that are often side by side
 * differ in more than one.
 */
const COLORS = {
	cpu: [32, 85, 60], sleep: [212, 75, 60], network: [262, 60, 62], file: [95, 45, 45], pipe: [178, 60, 52], process: [300, 40, 45],
	lock: [335, 80, 72], gil: [2, 70, 55], dns: [240, 45, 45], runqueue: [56, 75, 55], pagefault: [130, 55, 70], gc: [18, 45, 40],
	stopped: [0, 0, 35], throttled: [75, 85, 72],
};

function causeColor(cause) {
	const [hue, saturation, lightness] = COLORS[cause] || [220, 8, 60];

	return `hsl(${hue} ${saturation}% ${lightness}%)`;
}

/* Black or white, whichever can be read on that. */
function causeInk(cause) {
	return (COLORS[cause] || [220, 8, 60])[2] < 50 ? '#fff' : '#111';
}

function swatch(cause) {
	const node = make('span', { class: 'swatch' });

	node.style.background = causeColor(cause);
	return node;
}

function place(name, file, line) {
	const parts = [make('bdi', {}, name === null ? '?' : name)];

	if (file)
		parts.push(' ', make('bdi', { class: 'file', title: clean(file) }, pathTail(file) + (line ? ':' + line : '')));
	return parts;
}

function coroutinePlace(code) {
	return code ? place(code.name + '()', code.file, code.line) : [make('span', { class: 'dim' }, '-')];
}
