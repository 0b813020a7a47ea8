// Where memory is held: the dominator tree as treemap, flame view and table, with one selection for all three, and its path to the root.
import { html } from 'htm/preact';
import { useMemo, useState } from 'preact/hooks';
import { Picture } from './canvas.js';
import { bytes, counted, share } from './format.js';
import { Table } from './table.js';

const VIEWS = [['treemap', 'Treemap'], ['flame', 'Flame'], ['table', 'Table']];

function Crumbs({ tree, zoom, onZoom }) {
	return html`
		<nav class="crumbs" aria-label="Zoomed to">
			${tree.path(zoom).map(i => html`<button key=${i} type="button" aria-current=${i === zoom ? 'location' : undefined}
				onClick=${() => onZoom(i)}>${i ? tree.nameOf(i) : 'everything'}</button>`)}
		</nav>`;
}

function Path({ tree, zoom, selected, onSelect, onZoom }) {
	const path = tree.path(selected);
	return html`
		<aside class="path" aria-label="Path to the root">
			<h3>Path to the root</h3>
			<p class="hint">Each line keeps the one below it alive: without it, all that it retains would be free.</p>
			<ol>
				${path.map(i => html`
					<li key=${i} class=${i === selected ? 'selected' : ''}>
						<button type="button" onClick=${() => onSelect(i)}>
							<span class="name">${tree.nameOf(i)}</span>
							<span class="sizes">${bytes(tree.retained[i])} · ${share(tree.retained[i], tree.retained[0])}${' · '}${counted(tree.objects[i], 'object')}</span>
							<span class="meter"><span style=${{ width: `${100 * tree.retained[i] / tree.retained[0]}%` }} /></span>
						</button>
					</li>`)}
			</ol>
			${selected !== zoom && tree.end[selected] > selected + 1 && html`<button type="button" class="zoom" onClick=${() => onZoom(selected)}>Zoom in here</button>`}
		</aside>`;
}

export function Explorer({ tree, query, onQuery }) {
	const [view, setView] = useState('treemap');
	const [zoom, setZoom] = useState(0);
	const [selected, setSelected] = useState(0);
	const matches = useMemo(() => tree.matches(query), [tree, query]);
	const found = useMemo(() => {
		if (!matches)
			return '';
		const rows = tree.byName().filter(row => matches[row.name]);
		return `${counted(rows.length, 'name')}, ${bytes(rows.reduce((sum, row) => sum + row.bytes, 0))} of their own`;
	}, [tree, matches]);
	const zoomTo = i => {
		setZoom(i);
		setSelected(i);
	};
	// What is selected elsewhere shall be in the picture.
	const select = i => {
		setSelected(i);
		if (i < zoom || i >= tree.end[zoom])
			setZoom(0);
	};
	return html`
		<section id="heap" aria-labelledby="heap-title">
			<h2 id="heap-title">Where memory is held</h2>
			<p class="hint">Boxes lie in what keeps them alive: package variables, goroutines (with their stacks), timers, the runtime,
				or several of them together. Objects of one type in one place are one box. Click to select, double-click to zoom.</p>
			<div class="bar">
				<div class="tabs" role="group" aria-label="View">
					${VIEWS.map(([id, title]) => html`<button key=${id} type="button" aria-pressed=${view === id} onClick=${() => setView(id)}>${title}</button>`)}
				</div>
				<input type="search" placeholder="Search types, variables, functions" aria-label="Search types, variables, functions" value=${query}
					onInput=${event => onQuery(event.target.value)} />
				<span class="found" role="status">${found}</span>
			</div>
			<${Crumbs} tree=${tree} zoom=${zoom} onZoom=${zoomTo} />
			<div class="explorer">
				${view === 'table' ?
					html`<${Table} tree=${tree} matches=${matches} selected=${selected} onSelect=${select} />` :
					html`<${Picture} tree=${tree} view=${view} zoom=${zoom} selected=${selected} matches=${matches} onSelect=${select} onZoom=${zoomTo} />`}
				<${Path} tree=${tree} zoom=${zoom} selected=${selected} onSelect=${select} onZoom=${zoomTo} />
			</div>
		</section>`;
}
