// A table of any length, of which only the rows in sight exist.
import { html } from 'htm/preact';
import { useEffect, useMemo, useRef, useState } from 'preact/hooks';
import { bytes, count, share } from './format.js';

const HEIGHT = 30, ROOM = 15;

/** columns: { key to sort by, title, show(row), number }; row.node is what a click selects. */
function Rows({ rows, columns, sort, onSort, selected, onSelect }) {
	const box = useRef();
	const [top, setTop] = useState(0);
	useEffect(() => {
		box.current.scrollTop = 0;
		setTop(0);
	}, [rows]);
	const first = Math.max(0, Math.floor(top / HEIGHT) - 5);
	const inSight = rows.slice(first, first + ROOM + 10);
	const key = (event, row) => {
		if (event.key !== 'Enter' && event.key !== ' ')
			return;
		event.preventDefault();
		onSelect(row.node);
	};
	return html`
		<div class="rows" ref=${box} onScroll=${event => setTop(event.target.scrollTop)} tabindex="-1">
			<table aria-rowcount=${rows.length + 1}>
				<thead><tr>${columns.map(c => html`
					<th scope="col" class=${c.number ? 'number' : ''} aria-sort=${sort === c.key ? (c.number ? 'descending' : 'ascending') : 'none'}>
						<button type="button" disabled=${!c.key} onClick=${() => onSort(c.key)}>${c.title}${sort === c.key ? (c.number ? ' ▾' : ' ▴') : ''}</button>
					</th>`)}</tr></thead>
				<tbody>
					<tr class="gap" aria-hidden="true"><td colspan=${columns.length} style=${{ height: `${first * HEIGHT}px` }} /></tr>
					${inSight.map((row, k) => html`
						<tr key=${first + k} aria-rowindex=${first + k + 2} tabindex="0" class=${row.node === selected ? 'selected' : ''}
							onClick=${() => onSelect(row.node)} onKeyDown=${event => key(event, row)}>
							${columns.map(c => html`<td class=${c.number ? 'number' : ''} title=${c.number ? undefined : c.show(row)}>${c.show(row)}</td>`)}
						</tr>`)}
					<tr class="gap" aria-hidden="true"><td colspan=${columns.length}
						style=${{ height: `${Math.max(0, rows.length - first - inSight.length) * HEIGHT}px` }} /></tr>
				</tbody>
			</table>
		</div>`;
}

function rowsOf(tree, byPlace) {
	if (!byPlace)
		return tree.byName();
	return Array.from({ length: tree.length }, (_, i) => (
		{ node: i, name: tree.name[i], count: tree.count[i], bytes: tree.bytes[i], retained: tree.retained[i] }));
}

export function Table({ tree, matches, selected, onSelect }) {
	const [byPlace, setByPlace] = useState(false);
	const [sort, setSort] = useState('retained');
	const all = useMemo(() => rowsOf(tree, byPlace), [tree, byPlace]);
	const rows = useMemo(() => {
		const found = matches ? all.filter(row => matches[row.name]) : all.slice();
		return found.sort(sort === 'name' ? (a, b) => tree.names[a.name].localeCompare(tree.names[b.name]) :
			(a, b) => b[sort] - a[sort]);
	}, [all, matches, sort]);
	const columns = [
		{ key: 'name', title: 'Name', show: row => tree.names[row.name] },
		{ key: 'count', title: 'Count', number: true, show: row => count(row.count) },
		{ key: 'bytes', title: 'Own', number: true, show: row => bytes(row.bytes) },
		{ key: 'retained', title: 'Retained', number: true, show: row => bytes(row.retained) },
		{ title: 'Share', number: true, show: row => share(row.retained, tree.retained[0]) },
	];
	return html`
		<div class="table">
			<div class="bar">
				<label><input type="checkbox" checked=${byPlace} onChange=${event => setByPlace(event.target.checked)} /> Each place by itself</label>
				<span role="status">${count(rows.length)} ${rows.length === 1 ? 'row' : 'rows'}</span>
			</div>
			<${Rows} rows=${rows} columns=${columns} sort=${sort} onSort=${setSort} selected=${selected} onSelect=${onSelect} />
		</div>`;
}
