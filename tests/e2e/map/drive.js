// Put into a copy of the page by drive.py: does with it what a person would, and tells the page around it what is to be seen then.
(() => {
const seen = {errors: window.pageErrors, steps: {}};
const canvas = document.getElementById("map"), tip = document.getElementById("tip");
const text = (id) => document.getElementById(id).textContent;
const frame = () => new Promise((done) => setTimeout(done, 40));
const range = () => text("range");
const box = () => canvas.getBoundingClientRect();
function pointer(type, x, y, more) {
	canvas.dispatchEvent(new PointerEvent(type, {clientX: box().left + x, clientY: box().top + y, bubbles: true, pointerId: 1, ...more}));
}
const key = (k) => canvas.dispatchEvent(new KeyboardEvent("keydown", {key: k, bubbles: true, cancelable: true}));
const click = (id) => document.getElementById(id).click();
const lines = () => tip.hidden ? null : Array.from(tip.children, (c) => c.textContent);
// Points all over the map: the page that lies there by what the canvas says of its lines, and what is told of it.
function probe() {
	const d = canvas.dataset, found = [], across = box().width - d.left;
	for (let row = 0; row < Number(d.rows); row++) {
		for (let k = 0; k < 23; k++) {
			const at = (k + 0.37) / 23;
			pointer("pointermove", Number(d.left) + at * across, row * d.pitch + 5);
			found.push([Math.floor(Number(d.first) + (row + at) * d.perRow), lines()]);
		}
	}
	return found;
}
async function search(query) {
	const input = document.getElementById("query");
	input.value = query;
	input.dispatchEvent(new Event("input", {bubbles: true}));
	await frame();
	return text("count");
}
function ink() {
	const g = canvas.getContext("2d"), pixels = g.getImageData(0, 0, canvas.width, canvas.height).data, colours = new Set();
	for (let i = 0; i < pixels.length; i += 4 * 61) colours.add(`${pixels[i]},${pixels[i + 1]},${pixels[i + 2]},${pixels[i + 3]}`);
	return colours.size;
}
async function drive() {
	await frame();
	const s = seen.steps;
	s.title = document.title;
	s.heading = text("region");
	s.summary = text("summary");
	s.legend = Array.from(document.getElementById("legend").children, (e) => e.textContent);
	s.all = range();
	s.colours = ink();
	s.probes = probe();
	pointer("pointerleave", 0, 0);
	s.left = lines();
	click("in"); await frame();
	s.in = range();
	s.closer = probe();
	key("-"); await frame();
	s.out = range();
	canvas.dispatchEvent(new WheelEvent("wheel", {deltaY: -300, clientX: box().left + 300, clientY: box().top + 5, bubbles: true, cancelable: true}));
	await frame();
	s.wheel = range();
	key("ArrowDown"); await frame();
	s.down = range();
	pointer("pointerdown", 300, 60); pointer("pointermove", 300, 40); pointer("pointerup", 300, 40); await frame();
	s.dragged = range();
	key("0"); await frame();
	s.again = range();
	key("ArrowRight"); await frame();
	s.first = text("detail");
	key("ArrowRight"); await frame();
	s.second = text("detail");
	key("Enter"); await frame();
	s.into = range();
	key("Escape"); await frame();
	s.none = text("detail");
	s.found = {};
	for (const query of window.queries) {
		const count = await search(query);
		click("next"); await frame();
		s.found[query] = {count, at: text("count"), detail: text("detail"), range: range(), label: canvas.getAttribute("aria-label")};
	}
	s.near = probe();
	await search("");
	click("fit"); await frame();
	document.querySelector("#legend button")?.click(); await frame();
	s.pressed = document.querySelectorAll("#legend button[aria-pressed=true]").length;
	seen.elements = {b: document.querySelectorAll("b").length, img: document.querySelectorAll("img").length, script: document.querySelectorAll("script").length};
	seen.hacked = window.hacked === undefined ? null : window.hacked;
}
drive().catch((e) => seen.errors.push(String(e.stack || e))).finally(() => parent.postMessage({page: window.pageName, seen}, "*"));
})();
