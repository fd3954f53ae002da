// The script of `paclient map --html`: draws the extents of a region as bars in lines, like text; one sees some of them, or all.
//
// Pages count from the region's base. The view is `rows` lines of `perRow` pages each, from page `first` on. A position is a number
// of lines: 2.5 is the middle of the third one, so that page = first + position * perRow. Texts of others become text nodes only.
"use strict";
(() => {
const data = JSON.parse(document.getElementById("data").textContent);
const $ = (id) => document.getElementById(id);
const map = $("map"), overview = $("overview"), tip = $("tip");
const GAP = 7, PAD = 12, NCOLOURS = 8, LABEL_MIN = 34;

// Extents as columns: a hundred thousand of them take some megabytes, and are found by halving.
const n = data.extents.length / 3;
const first = new Float64Array(n), npages = new Float64Array(n), owner = new Uint32Array(n);
for (let i = 0, at = 0; i < n; i++) {
	at += data.extents[3 * i];
	first[i] = at;
	npages[i] = data.extents[3 * i + 1];
	owner[i] = data.extents[3 * i + 2];
	at += npages[i];
}
const sparse = (pairs) => new Map(pairs);
const names = sparse(data.names), labels = sparse(data.labels), holders = sparse(data.holders);
const begin = data.first, end = data.first + data.npages;

// Numbers as people read them.
const address = (page) => "0x" + (BigInt(data.base) + BigInt(Math.round(page)) * BigInt(data.page)).toString(16);
function size(pages) {
	const units = ["B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"];
	let v = pages * data.page, i = 0;
	while (v >= 1024 && i + 1 < units.length) { v /= 1024; i++; }
	return (v === Math.floor(v) ? v : v < 10 ? v.toFixed(2) : v.toFixed(1)) + " " + units[i];
}
const counted = (v, what) => v.toLocaleString("en") + " " + what + (v === 1 ? "" : "s");

// The lowest extent that ends above the page; n where there is none.
function extentFrom(page) {
	let lo = 0, hi = n;
	while (lo < hi) {
		const mid = (lo + hi) >> 1;
		if (first[mid] + npages[mid] > page) hi = mid; else lo = mid + 1;
	}
	return lo;
}
// Does the page lie in one of the runs? Narrows the box to the run, or to the gap between two.
function within(runs, page, box) {
	for (const [at, pages] of runs) {
		if (page < at) { box.end = Math.min(box.end, at); return false; }
		if (page < at + pages) {
			box.begin = Math.max(box.begin, at);
			box.end = Math.min(box.end, at + pages);
			return true;
		}
		box.begin = Math.max(box.begin, at + pages);
	}
	return false;
}
function scavengedShare(begin, end) {
	let scavenged = 0, free = 0;
	for (let c = Math.floor((begin - data.first) / data.cell); c < data.scavenged.length && data.first + c * data.cell < end; c++) {
		scavenged += data.scavenged[c];
		free += data.grownCells[c] - data.used[c];
	}
	return free ? scavenged / free : 0;
}
// What is at the page: an extent, or a run of what nobody holds.
function thingAt(page) {
	if (page < begin || page >= end) return null;
	const i = extentFrom(page);
	if (i < n && first[i] <= page) return {extent: i};
	const box = {begin, end: i < n ? first[i] : end};
	if (i > 0) box.begin = Math.max(begin, first[i - 1] + npages[i - 1]);
	const hole = within(data.reserved, page, box), drained = within(data.drained, page, box), grown = within(data.grown, page, box);
	const state = hole ? "reserved" : !grown ? "not grown" : drained ? "drained" : data.whose ? "free" : "not told apart";
	return {state, ...box};
}
// Title first, then lines.
function describe(thing) {
	if (thing.extent === undefined) {
		const lines = [thing.state, `${address(thing.begin)} to ${address(thing.end)}`,
			`${counted(thing.end - thing.begin, "page")}, ${size(thing.end - thing.begin)}`];
		if (thing.state === "free" && data.scavenges) {
			const share = scavengedShare(thing.begin, thing.end);
			lines.push(share > 0.995 ? "no memory behind it" : share < 0.005 ? "memory behind it" : `no memory behind some ${Math.round(share * 100)} % of it`);
		}
		return lines;
	}
	const i = thing.extent, o = data.owners[owner[i]];
	const lines = [names.get(i) || "(no name)", `${address(first[i])} to ${address(first[i] + npages[i])}`,
		`${counted(npages[i], "page")}, ${size(npages[i])}`, o.text];
	if (labels.has(i)) lines.push(labels.get(i));
	if (holders.has(i)) lines.push(`${holders.get(i)} holders`);
	return lines;
}

// The view.
const view = {first: begin, perRow: 1, rows: 1};
let width = 0, height = 0, left = 0, barHeight = 20, ink = {}, pending = false;
let hovered = null, selected = -1, pressed = -1, matches = null;

const rowsFit = () => Math.max(1, Math.floor((height + GAP) / (20 + GAP)));
// Few pages take few lines, which are higher then.
function rowsFor(pages) {
	return Math.max(1, Math.min(rowsFit(), Math.ceil(pages / 16)));
}
function setView(newFirst, perRow, rows) {
	const all = Math.max(1, data.npages), most = rowsFor(all);
	view.rows = Math.max(1, Math.min(rows || view.rows, most));
	view.perRow = Math.min(Math.max(perRow, 8), Math.max(8, roundUp(Math.ceil(all / view.rows))));
	const span = view.perRow * view.rows;
	view.first = Math.max(begin, Math.min(newFirst, Math.max(begin, end - span)));
	barHeight = Math.min(56, Math.floor((height - GAP * (view.rows - 1)) / view.rows));
	// Where bars are, for scripts: lines, pixels from one to the next, and from the left edge to the first page.
	Object.assign(map.dataset, {rows: view.rows, pitch: barHeight + GAP, left, perRow: view.perRow, first: view.first});
	$("range").textContent = `${address(view.first)} to ${address(Math.min(end, view.first + span))}, ${size(Math.min(span, end - view.first))}`;
	draw();
}
// Round numbers of pages make round addresses: 8 to 15 times a power of two.
function roundUp(pages) {
	const step = 2 ** Math.max(0, Math.floor(Math.log2(Math.max(1, pages))) - 3);
	return Math.ceil(pages / step) * step;
}
function showAll() {
	const perRow = roundUp(Math.ceil(data.npages / rowsFor(data.npages)));
	setView(begin, perRow, Math.ceil(data.npages / perRow));
}
// The page under the position stays where it is.
function zoom(factor, position) {
	const at = position === undefined ? view.rows / 2 : position, page = view.first + at * view.perRow;
	const perRow = factor < 1 ? Math.floor(view.perRow * factor) : Math.ceil(view.perRow * factor);
	setView(page - at * Math.max(8, perRow), perRow);
}
const pan = (rows) => setView(view.first + rows * view.perRow, view.perRow);
// Where the extent fills about a third of the view, unless it is shown as large already.
function showExtent(i, closer) {
	const span = view.perRow * view.rows, middle = first[i] + npages[i] / 2;
	if (closer) {
		const perRow = Math.max(8, Math.ceil(Math.max(npages[i] * 3, 24) / view.rows));
		setView(middle - perRow * view.rows / 2, perRow);
	} else if (first[i] < view.first || first[i] + Math.min(npages[i], view.perRow) > view.first + span) {
		setView(middle - span / 2, view.perRow);
	} else {
		draw();
	}
}

// Drawing.
function readInk() {
	const style = getComputedStyle(document.documentElement);
	for (const name of ["page", "text", "quiet", "line", "accent", "free", "scavenged", "scavenged-mark", "drained", "hole", "absent", "others", "on", "mark"])
		ink[name] = style.getPropertyValue("--" + name).trim();
	ink.owners = [];
	for (let i = 0; i < NCOLOURS; i++) ink.owners.push(style.getPropertyValue("--o" + i).trim());
	ink.dots = tile(5, (g) => { g.fillStyle = ink["scavenged-mark"]; g.fillRect(1, 1, 1.2, 1.2); });
	ink.stripes = tile(8, (g) => { g.strokeStyle = ink.drained; g.lineWidth = 2; slash(g, 8, -8); slash(g, 8, 0); slash(g, 8, 8); });
	ink.cross = tile(7, (g) => {
		g.strokeStyle = ink.hole; g.lineWidth = 0.9;
		slash(g, 7, -7); slash(g, 7, 0); slash(g, 7, 7);
		g.translate(7, 0); g.scale(-1, 1);
		slash(g, 7, -7); slash(g, 7, 0); slash(g, 7, 7);
	});
}
function tile(pixels, paint) {
	const c = document.createElement("canvas"), k = window.devicePixelRatio || 1;
	c.width = c.height = Math.round(pixels * k);
	const g = c.getContext("2d");
	g.scale(c.width / pixels, c.height / pixels);
	paint(g);
	const pattern = g.createPattern(c, "repeat");
	pattern.setTransform(new DOMMatrix().scale(pixels / c.width));
	return pattern;
}
function slash(g, pixels, shift) {
	g.beginPath(); g.moveTo(shift, pixels); g.lineTo(shift + pixels, 0); g.stroke();
}
const ownerInk = (o) => o < NCOLOURS ? ink.owners[o] : ink.others;
function dimmed(i) {
	if (pressed >= 0 && owner[i] !== pressed) return true;
	return matches !== null && !matches.set.has(i);
}

// A picture of some rows: `across` pixels of each, from `left` on. The overview has one row.
function scene(g, v, x0, across, rowTop, barPixels, isMap) {
	const scale = across / v.perRow, last = v.rows * across;
	// Pages [a, b) as rectangles, one on each row that they reach.
	function segments(a, b, paint) {
		let x = Math.max(0, (a - v.first) * scale);
		const stop = Math.min(last, (b - v.first) * scale);
		while (x < stop - 1e-6) {
			const row = Math.floor(x / across + 1e-9), edge = Math.min(stop, (row + 1) * across);
			paint(x0 + x - row * across, rowTop(row), edge - x, edge === stop);
			x = edge;
		}
	}
	const fill = (style) => (x, y, w) => { g.fillStyle = style; g.fillRect(x, y, Math.max(w, 0.75), barPixels); };
	const stop = Math.min(end, v.first + v.perRow * v.rows);
	const thin = Math.min(3, barPixels / 4);
	segments(v.first, stop, (x, y, w) => { g.fillStyle = ink.absent; g.fillRect(x, y + (barPixels - thin) / 2, w, thin); });
	for (const [a, pages] of data.grown) segments(a, a + pages, fill(ink.free));
	if (data.scavenges) scavengedDraw(g, v, segments, fill, stop);
	for (const [a, pages] of data.drained) segments(a, a + pages, fill(ink.stripes));
	for (const [a, pages] of data.reserved) segments(a, a + pages, fill(ink.cross));
	if (!data.whose) usedDraw(g, v, segments, fill, stop);
	extentsDraw(g, v, scale, across, segments, x0, rowTop, barPixels, isMap);
}
// Over the free pages: extents come on top.
function scavengedDraw(g, v, segments, fill, stop) {
	for (let c = Math.max(0, Math.floor((v.first - data.first) / data.cell)); c < data.scavenged.length; c++) {
		const a = data.first + c * data.cell, free = data.grownCells[c] - data.used[c];
		if (a >= stop) break;
		if (!data.scavenged[c] || !free) continue;
		g.globalAlpha = Math.min(1, data.scavenged[c] / free);
		const b = Math.min(end, a + data.cell);
		segments(a, b, fill(ink.scavenged));
		segments(a, b, fill(ink.dots));
	}
	g.globalAlpha = 1;
}
function usedDraw(g, v, segments, fill, stop) {
	for (let c = Math.max(0, Math.floor((v.first - data.first) / data.cell)); c < data.used.length; c++) {
		const a = data.first + c * data.cell;
		if (a >= stop) break;
		if (!data.used[c]) continue;
		g.globalAlpha = 0.2 + 0.8 * data.used[c] / data.grownCells[c];
		segments(a, Math.min(end, a + data.cell), fill(ink.others));
	}
	g.globalAlpha = 1;
}
// Those that are too small to be seen are summed up in the pixel that they lie in: its colour is that of who holds most there.
function extentsDraw(g, v, scale, across, segments, x0, rowTop, barPixels, isMap) {
	const npixels = Math.ceil(v.rows * across), cover = new Float32Array(npixels), most = new Float32Array(npixels);
	const whose = new Int32Array(npixels), stop = v.first + v.perRow * v.rows, texts = [];
	for (let i = extentFrom(v.first); i < n && first[i] < stop; i++) {
		const w = npages[i] * scale, a = first[i], b = a + npages[i];
		if (w < 2) {
			const at = Math.min(npixels - 1, Math.max(0, Math.floor((a - v.first) * scale)));
			cover[at] += w;
			const weight = dimmed(i) ? w / 1e6 : w;
			if (weight > most[at]) { most[at] = weight; whose[at] = i; }
			continue;
		}
		g.fillStyle = ownerInk(owner[i]);
		g.globalAlpha = dimmed(i) ? 0.16 : 1;
		let longest = {w: 0};
		segments(a, b, (x, y, len, isEnd) => {
			g.fillRect(x, y, isEnd && len > 3 ? len - 1 : len, barPixels);
			if (len > longest.w) longest = {x, y, w: len};
		});
		if (isMap && longest.w > LABEL_MIN && !dimmed(i)) texts.push([i, longest]);
	}
	for (let at = 0; at < npixels; at++) {
		if (!cover[at]) continue;
		const row = Math.floor(at / across), i = whose[at];
		g.fillStyle = ownerInk(owner[i]);
		g.globalAlpha = dimmed(i) ? 0.16 : 0.3 + 0.7 * Math.min(1, cover[at]);
		g.fillRect(x0 + at - row * across, rowTop(row), 1.4, barPixels);
	}
	g.globalAlpha = 1;
	g.fillStyle = ink.on;
	g.textBaseline = "middle";
	for (const [i, s] of texts) {
		const text = shortened(g, names.get(i) || labels.get(i) || "", s.w - 12);
		g.fillText(text, s.x + 6, s.y + barPixels / 2 + 0.5);
	}
}
function shortened(g, text, pixels) {
	const characters = Array.from(text);
	let wide = g.measureText(text).width;
	if (wide <= pixels) return text;
	while (characters.length && wide > pixels) {
		characters.length -= Math.max(1, Math.floor(characters.length * (1 - pixels / wide)));
		wide = g.measureText(characters.join("") + "\u2026").width;
	}
	return characters.length > 2 ? characters.join("") + "\u2026" : "";
}
function outline(g, i, style, lineWidth) {
	const scale = (width - left) / view.perRow, top = (row) => row * (barHeight + GAP);
	let x = Math.max(0, (first[i] - view.first) * scale);
	const across = width - left, stop = Math.min(view.rows * across, (first[i] + npages[i] - view.first) * scale);
	g.strokeStyle = style;
	g.lineWidth = lineWidth;
	for (let edge; x < stop - 1e-6; x = edge) {
		const row = Math.floor(x / across + 1e-9);
		edge = Math.min(stop, (row + 1) * across);
		g.strokeRect(left + x - row * across, top(row) + lineWidth / 2, Math.max(2, edge - x - 1), barHeight - lineWidth);
	}
}
function prepare(canvas, w, h) {
	const k = window.devicePixelRatio || 1, g = canvas.getContext("2d");
	if (canvas.width !== Math.round(w * k) || canvas.height !== Math.round(h * k)) {
		canvas.width = Math.round(w * k);
		canvas.height = Math.round(h * k);
	}
	g.setTransform(k, 0, 0, k, 0, 0);
	g.clearRect(0, 0, w, h);
	return g;
}
const MONO = '12px ui-monospace, "DejaVu Sans Mono", monospace', SANS = '12px system-ui, "DejaVu Sans", sans-serif';
function paint() {
	pending = false;
	const g = prepare(map, width, height), top = (row) => row * (barHeight + GAP);
	g.font = MONO;
	g.fillStyle = ink.quiet;
	g.textBaseline = "middle";
	for (let row = 0; row < view.rows && view.first + row * view.perRow < end; row++)
		g.fillText(address(view.first + row * view.perRow), 0, top(row) + barHeight / 2 + 0.5);
	g.font = SANS;
	scene(g, view, left, width - left, top, barHeight, true);
	if (selected >= 0) outline(g, selected, ink.mark, 2);
	if (hovered && hovered.extent !== undefined && hovered.extent !== selected) outline(g, hovered.extent, ink.mark, 1);
	paintOverview();
}
function paintOverview() {
	const across = overview.clientWidth, h = overview.clientHeight, g = prepare(overview, across, h);
	const all = Math.max(1, data.npages), scale = across / all;
	scene(g, {first: begin, perRow: all, rows: 1}, 0, across, () => 4, h - 8, false);
	const x = (view.first - begin) * scale, w = Math.max(4, Math.min(all, view.perRow * view.rows) * scale);
	g.strokeStyle = ink.mark;
	g.lineWidth = 1.5;
	g.strokeRect(Math.min(x, across - w) + 0.75, 0.75, w - 1.5, h - 1.5);
}
function draw() {
	if (pending) return;
	pending = true;
	requestAnimationFrame(paint);
}
function resize() {
	const stage = $("stage");
	const was = view.perRow * view.rows, all = was >= data.npages || !width;
	width = stage.clientWidth;
	height = stage.clientHeight;
	const g = map.getContext("2d");
	g.font = MONO;
	left = Math.min(width / 3, g.measureText(address(data.limit)).width + PAD);
	const rows = rowsFor(was);
	if (all) showAll();
	else setView(view.first, Math.ceil(was / rows), rows);
	// Before the browser shows the old picture in the new size.
	paint();
}

// The pointer.
function positionAt(x, y) {
	if (x < left) return null;
	const row = Math.floor(y / (barHeight + GAP));
	if (row < 0 || row >= view.rows || y - row * (barHeight + GAP) > barHeight) return null;
	return row + (x - left) / (width - left);
}
function tell(thing, x, y) {
	hovered = thing;
	tip.hidden = !thing;
	draw();
	if (!thing) return;
	tip.replaceChildren(...describe(thing).map((text, i) => {
		const line = document.createElement(i ? "span" : "b");
		line.textContent = text;
		return line;
	}));
	const w = tip.offsetWidth, h = tip.offsetHeight;
	tip.style.left = Math.max(0, Math.min(x + 14, width - w)) + "px";
	tip.style.top = (y + 18 + h > height && y - h - 10 > -80 ? y - h - 10 : y + 18) + "px";
}
function select(i, closer) {
	selected = i;
	if (i >= 0) showExtent(i, closer); else draw();
	const text = i >= 0 ? describe({extent: i}).join(" \u00b7 ") : "";
	$("detail").textContent = text;
	map.setAttribute("aria-label", text ? `Selected: ${text}` : `Map of region ${data.region}`);
}
let drag = null;
map.addEventListener("pointerdown", (e) => {
	drag = {x: e.offsetX, y: e.offsetY, first: view.first, moved: false};
	try { map.setPointerCapture(e.pointerId); } catch { /* a pointer that a script made up */ }
});
map.addEventListener("pointermove", (e) => {
	if (drag && (drag.moved || Math.hypot(e.offsetX - drag.x, e.offsetY - drag.y) > 4)) {
		drag.moved = true;
		map.classList.add("drags");
		tell(null);
		const rows = (e.offsetX - drag.x) / (width - left) + (e.offsetY - drag.y) / (barHeight + GAP);
		setView(drag.first - rows * view.perRow, view.perRow);
		return;
	}
	const position = positionAt(e.offsetX, e.offsetY);
	tell(position === null ? null : thingAt(Math.floor(view.first + position * view.perRow)), e.offsetX, e.offsetY);
});
map.addEventListener("pointerup", (e) => {
	const position = positionAt(e.offsetX, e.offsetY), was = drag;
	drag = null;
	map.classList.remove("drags");
	if (!was || was.moved || position === null) return;
	const thing = thingAt(Math.floor(view.first + position * view.perRow));
	select(thing && thing.extent !== undefined ? thing.extent : -1);
});
map.addEventListener("pointerleave", () => { if (!drag) tell(null); });
map.addEventListener("dblclick", (e) => {
	const position = positionAt(e.offsetX, e.offsetY);
	if (position !== null) zoom(1 / 3, position);
});
map.addEventListener("wheel", (e) => {
	e.preventDefault();
	const position = positionAt(Math.max(left, e.offsetX), e.offsetY);
	if (e.shiftKey) pan(Math.sign(e.deltaY || e.deltaX) / 2);
	else zoom(Math.exp(Math.max(-0.7, Math.min(0.7, e.deltaY * (e.deltaMode ? 0.05 : 0.0022)))), position === null ? undefined : position);
}, {passive: false});
function jump(e) {
	if (!(e.buttons & 1)) return;
	const page = begin + e.offsetX / overview.clientWidth * data.npages;
	setView(page - view.perRow * view.rows / 2, view.perRow);
}
overview.addEventListener("pointerdown", jump);
overview.addEventListener("pointermove", jump);

// The keyboard.
function step(by) {
	const at = selected >= 0 ? selected + by : extentFrom(view.first);
	if (at >= 0 && at < n) select(at);
}
const keys = {
	"+": () => zoom(0.5), "=": () => zoom(0.5), "-": () => zoom(2), "0": showAll,
	ArrowUp: () => pan(-1), ArrowDown: () => pan(1), PageUp: () => pan(-view.rows), PageDown: () => pan(view.rows),
	Home: () => setView(begin, view.perRow), End: () => setView(end, view.perRow),
	ArrowLeft: () => step(-1), ArrowRight: () => step(1),
	Enter: () => { if (selected >= 0) select(selected, true); },
	Escape: () => { select(-1); press(-1); tell(null); },
};
map.addEventListener("keydown", (e) => {
	const act = keys[e.key];
	if (!act || e.ctrlKey || e.altKey || e.metaKey) return;
	e.preventDefault();
	act();
});
document.addEventListener("keydown", (e) => {
	if (e.key !== "/" || e.target === $("query")) return;
	e.preventDefault();
	$("query").focus();
});
$("in").addEventListener("click", () => zoom(0.5));
$("out").addEventListener("click", () => zoom(2));
$("fit").addEventListener("click", showAll);

// Finding.
function addressPage(text) {
	if (!/^0x[0-9a-f]+$/.test(text)) return -1;
	const page = (BigInt(text) - BigInt(data.base)) / BigInt(data.page);
	return page >= BigInt(begin) && page < BigInt(end) ? Number(page) : -1;
}
function find() {
	const text = $("query").value.trim().toLowerCase(), page = addressPage(text);
	matches = null;
	if (text) {
		const list = [], owners = data.owners.map((o) => o.text.toLowerCase().includes(text));
		for (let i = 0; i < n; i++) {
			if (page >= 0 ? first[i] <= page && page < first[i] + npages[i]
				: owners[owner[i]] || (names.get(i) || "").toLowerCase().includes(text) || (labels.get(i) || "").toLowerCase().includes(text))
				list.push(i);
		}
		matches = {list, set: new Set(list), at: -1};
	}
	$("count").textContent = matches ? matches.list.length ? counted(matches.list.length, "extent") : "nothing" : "";
	draw();
}
function nextMatch(by) {
	if (!matches || !matches.list.length) return;
	const count = matches.list.length;
	matches.at = matches.at < 0 && by < 0 ? count - 1 : (matches.at + by + count) % count;
	$("count").textContent = `${matches.at + 1} of ${count}`;
	select(matches.list[matches.at], true);
}
$("query").addEventListener("input", find);
$("query").addEventListener("keydown", (e) => {
	if (e.key === "Enter") nextMatch(e.shiftKey ? -1 : 1);
	if (e.key === "Escape") { $("query").value = ""; find(); map.focus(); }
});
$("next").addEventListener("click", () => nextMatch(1));
$("previous").addEventListener("click", () => nextMatch(-1));

// The legend: owners can be pressed, and the others fade.
function press(o) {
	pressed = o === pressed ? -1 : o;
	document.querySelectorAll("#legend button").forEach((b) => b.setAttribute("aria-pressed", String(Number(b.dataset.owner) === pressed)));
	draw();
}
function legendEntry(tag, className, text, small) {
	const entry = document.createElement(tag), swatch = document.createElement("i"), more = document.createElement("small");
	entry.className = className;
	more.textContent = small;
	entry.append(swatch, text, more);
	$("legend").append(entry);
	return entry;
}
function legend() {
	const shown = data.owners.slice(0, data.owners.length > NCOLOURS + 12 ? NCOLOURS + 8 : undefined);
	shown.forEach((o, i) => {
		const b = legendEntry("button", "", o.text, size(o.npages));
		b.type = "button";
		b.dataset.owner = i;
		b.setAttribute("aria-pressed", "false");
		b.firstChild.style.background = i < NCOLOURS ? `var(--o${i})` : "var(--others)";
		b.addEventListener("click", () => press(i));
	});
	if (shown.length < data.owners.length)
		legendEntry("span", "state", `${data.owners.length - shown.length} more owners`, "").firstChild.style.background = "var(--others)";
	if (!data.whose) legendEntry("span", "state", "used", "too many extents to say whose").firstChild.style.background = "var(--others)";
	legendEntry("span", "state free", "free", size(data.free));
	if (data.scavenges) legendEntry("span", "state scavenged", "free, no memory behind it", "");
	if (data.drained.length) legendEntry("span", "state drained", "drained", "");
	if (data.reserved.length) legendEntry("span", "state hole", "reserved: a hole", "");
	legendEntry("span", "state absent", "not grown", data.limit > data.grownPages ? size(data.limit - data.grownPages) : "");
}

$("region").textContent = data.region;
$("summary").textContent = `${size(data.usedPages)} of ${size(data.grownPages)} used \u00b7 ${counted(n, "extent")} \u00b7 pages of ${size(1)} \u00b7 longest free run ${size(data.largest)}`;
map.setAttribute("aria-label", `Map of region ${data.region}`);
legend();
readInk();
new ResizeObserver(resize).observe($("stage"));
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => { readInk(); draw(); });
resize();
})();
