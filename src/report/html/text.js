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

/* An element with attributes ("on..." are listeners) and children, which are elements or texts. */
function make(tag, attributes, ...children) {
	const node = tag === 'svg' || tag === 'rect' || tag === 'title' ?
		document.createElementNS('http://www.w3.org/2000/svg', tag) : document.createElement(tag);

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

/* Colours of the causes, by their place in the list; the same in light and dark. */
const HUES = [35, 210, 265, 130, 175, 300, 330, 0, 240, 55, 85, 220];

function causeColor(cause) {
	const i = data.causes.findIndex(([word]) => word === cause);

	if (i < 0 || i === HUES.length - 1)
		return 'hsl(220 8% 55%)';
	return `hsl(${HUES[i]} 70% 62%)`;
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
