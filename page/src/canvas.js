// Treemap and flame view: a canvas that is drawn anew when what it shows changes, with a pointer and a keyboard.
import { html } from 'htm/preact';
import { useEffect, useMemo, useRef, useState } from 'preact/hooks';
import { bytes, counted, share } from './format.js';
import { layFlame, layTreemap, ROW } from './layout.js';

const dark = matchMedia('(prefers-color-scheme: dark)');

/** One colour for one name, none for what has no name of its own. */
function hueOf(name) {
	let hash = 2166136261;
	for (let i = 0; i < name.length; i++)
		hash = Math.imul(hash ^ name.charCodeAt(i), 16777619);
	return (hash >>> 8) % 24 * 15;
}

function fillOf(tree, i, depth) {
	const name = tree.nameOf(i);
	const grey = name.startsWith('(') || tree.depth[i] === 0;
	const fade = Math.min(depth, 5) * (dark.matches ? 1.5 : -1.5);
	return `hsl(${hueOf(name)} ${grey ? 0 : tree.depth[i] === 1 ? 12 : 46}% ${(dark.matches ? 25 : 84) + fade}%)`;
}

function drawBox(context, tree, box, state, labelled) {
	const { data: i, x0, y0, x1, y1 } = box;
	const width = x1 - x0, height = y1 - y0;
	const base = state.flame ? 16 : 13;
	const faint = state.matches && !state.matches[tree.name[i]];
	context.globalAlpha = faint ? 0.3 : 1;
	context.fillStyle = fillOf(tree, i, box.depth);
	context.fillRect(x0, y0, width, height);
	if (width > 2 && height > 2) {
		context.strokeStyle = dark.matches ? 'rgb(0 0 0 / .55)' : 'rgb(255 255 255 / .8)';
		context.strokeRect(x0 + .5, y0 + .5, width - 1, height - 1);
	}
	if (labelled && width > 34 && height > 13) {
		context.save();
		context.beginPath();
		context.rect(x0 + 4, y0, width - 7, height);
		context.clip();
		context.fillStyle = dark.matches ? '#eef1f4' : '#16202b';
		context.fillText(tree.nameOf(i), x0 + 5, y0 + base);
		const before = context.measureText(tree.nameOf(i)).width + 12;
		context.globalAlpha *= .65;
		if (before + 50 < width)
			context.fillText(bytes(tree.retained[i]), x0 + 5 + before, y0 + base);
		else if (height > 30 && !box.children)
			context.fillText(bytes(tree.retained[i]), x0 + 5, y0 + 27);
		context.restore();
	}
}

function outline(context, box, width, color) {
	context.globalAlpha = 1;
	context.lineWidth = width;
	context.strokeStyle = color;
	context.strokeRect(box.x0 + width / 2, box.y0 + width / 2, box.x1 - box.x0 - width, box.y1 - box.y0 - width);
	context.lineWidth = 1;
}

function draw(canvas, tree, boxes, size, state) {
	const ratio = devicePixelRatio || 1;
	const context = canvas.getContext('2d');
	canvas.width = Math.round(size.width * ratio);
	canvas.height = Math.round(size.height * ratio);
	context.setTransform(ratio, 0, 0, ratio, 0, 0);
	context.font = '12px system-ui, sans-serif';
	for (const box of boxes)
		drawBox(context, tree, box, state, !box.children || state.flame || box.y1 - box.y0 > 40);
	const selected = boxes.find(box => box.data === state.selected);
	const hovered = boxes.find(box => box.data === state.hovered);
	if (hovered)
		outline(context, hovered, 1.5, dark.matches ? '#fff' : '#000');
	if (selected && selected !== boxes[0])
		outline(context, selected, 3, dark.matches ? '#ffd166' : '#c2410c');
}

/** The size of the element, as it changes. */
function useWidth(ref) {
	const [width, setWidth] = useState(0);
	useEffect(() => {
		const observer = new ResizeObserver(([entry]) => setWidth(Math.floor(entry.contentRect.width)));
		observer.observe(ref.current);
		return () => observer.disconnect();
	}, []);
	return width;
}

function useDark() {
	const [is, set] = useState(dark.matches);
	useEffect(() => {
		const listen = () => set(dark.matches);
		dark.addEventListener('change', listen);
		return () => dark.removeEventListener('change', listen);
	}, []);
	return is;
}

/** Where the arrow keys lead from a node. */
function neighbour(tree, i, zoom, key) {
	if (key === 'ArrowUp')
		return i === zoom ? i : tree.parent[i];
	const list = key === 'ArrowDown' ? tree.children(i, 1) : i === zoom ? [i] : tree.children(tree.parent[i], 1);
	if (key === 'ArrowDown')
		return list.length ? list[0] : i;
	const at = list.indexOf(i) + (key === 'ArrowRight' ? 1 : -1);
	return list[Math.max(0, Math.min(at, list.length - 1))];
}

/** view: 'treemap' or 'flame'; onSelect(node), onZoom(node). */
export function Picture({ tree, view, zoom, selected, matches, onSelect, onZoom }) {
	const frame = useRef(), canvas = useRef();
	const width = useWidth(frame);
	const isDark = useDark();
	const [hovered, setHovered] = useState(-1);
	const flame = view === 'flame';
	const boxes = useMemo(() => !width ? [] : flame ? layFlame(tree, zoom, width) :
		layTreemap(tree, zoom, width, pictureHeight(width)), [tree, zoom, width, flame]);
	const height = flame ? Math.max(...boxes.map(box => box.y1), ROW) : pictureHeight(width);
	useEffect(() => {
		if (width)
			draw(canvas.current, tree, boxes, { width, height }, { selected, hovered, matches, flame });
	}, [boxes, height, selected, hovered, matches, isDark]);

	const at = event => {
		const { left, top } = canvas.current.getBoundingClientRect();
		const x = event.clientX - left, y = event.clientY - top;
		return boxes.findLast(b => x >= b.x0 && x < b.x1 && y >= b.y0 && y < b.y1)?.data ?? -1;
	};
	const click = event => {
		const i = at(event);
		if (i >= 0)
			onSelect(i);
	};
	const zoomTo = i => {
		if (i >= 0)
			onZoom(tree.end[i] > i + 1 ? i : Math.max(tree.parent[i], 0));
	};
	const key = event => {
		if (event.key.startsWith('Arrow'))
			onSelect(neighbour(tree, selected, zoom, event.key));
		else if (event.key === 'Enter')
			zoomTo(selected);
		else if (event.key === 'Escape' || event.key === 'Backspace')
			onZoom(Math.max(tree.parent[zoom], 0));
		else
			return;
		event.preventDefault();
	};
	const shown = hovered >= 0 ? hovered : selected;
	return html`
		<div class="picture" ref=${frame}>
			<div class="scroll">
				<canvas ref=${canvas} tabindex="0" role="application" style=${{ width: `${width}px`, height: `${height}px` }}
					aria-label=${`${flame ? 'Flame view' : 'Treemap'} of what is held. Arrow keys move, Enter zooms in, Escape zooms out.`}
					aria-describedby="shown" onClick=${click} onDblClick=${event => zoomTo(at(event))} onKeyDown=${key}
					onPointerMove=${event => event.pointerType === 'mouse' && setHovered(at(event))} onPointerLeave=${() => setHovered(-1)} />
			</div>
			<p class="shown" id="shown" aria-live="polite">
				<b>${tree.nameOf(shown)}</b> ${' '}
				${bytes(tree.retained[shown])} (${share(tree.retained[shown], tree.retained[0])}), ${counted(tree.objects[shown], 'object')},
				${' '}${bytes(tree.bytes[shown])} of its own
			</p>
		</div>`;
}

function pictureHeight(width) {
	return width < 600 ? 380 : 480;
}
