// The page: first what the report says, then, as soon as it is unpacked, the tree.
import { html, render } from 'htm/preact';
import { useState } from 'preact/hooks';
import { Tree, unpack, unpackJson } from './data.js';
import { Explorer } from './explorer.js';
import { Findings } from './findings.js';
import { bytes, count, counted, duration } from './format.js';
import { Holders, Ledger } from './ledger.js';

function Header({ report }) {
	const { target, capture } = report;
	const facts = [
		target.exe,
		target.pid && `pid ${target.pid}`,
		target.go,
		target.stripped && 'stripped',
		capture.realtime_ns && new Date(capture.realtime_ns / 1e6).toISOString().replace('T', ' ').replace(/\..*/, ' UTC'),
		capture.pause_ns && `paused ${duration(capture.pause_ns)}`,
	].filter(Boolean);
	return html`
		<header>
			<p class="brand">seep</p>
			<h1>${(target.exe || 'report').split('/').pop()}</h1>
			<p class="facts">${facts.map(fact => html`<span key=${fact}>${fact}</span>`)}</p>
		</header>`;
}

function Tiles({ report }) {
	const leaks = report.findings.filter(f => f.verdict !== 'waiting' && f.verdict !== 'intended');
	const unseen = leaks.reduce((sum, f) => sum + (f.verdict === 'suspect' ? 0 : f.wasted_bytes || 0), 0);
	const tiles = [
		[counted(leaks.length, 'finding'), `${leaks.filter(f => f.verdict === 'proven').length} of them proven`],
		[bytes(unseen), 'held for nothing, proven'],
		[counted(report.goroutines.leaked, 'goroutine'), `leaked, of ${count(report.goroutines.total)}`],
		[bytes(report.heap.reachable_bytes), `live heap in ${counted(report.heap.reachable_objects, 'object')}`],
		report.memory?.rss && [bytes(report.memory.rss), 'resident memory'],
	].filter(Boolean);
	return html`<ul class="tiles">${tiles.map(([number, text]) => html`<li key=${text}><b>${number}</b><span>${text}</span></li>`)}</ul>`;
}

function Caveats({ caveats }) {
	if (!caveats?.length)
		return null;
	return html`
		<section id="caveats" aria-labelledby="caveats-title">
			<h2 id="caveats-title">What could not be seen</h2>
			<ul>${caveats.map((text, i) => html`<li key=${i}>${text}</li>`)}</ul>
		</section>`;
}

function Heap({ tree, query, onQuery }) {
	if (!tree)
		return html`<section id="heap"><h2>Where memory is held</h2><p class="loading">Unpacking…</p></section>`;
	if (!tree.length)
		return html`<section id="heap"><h2>Where memory is held</h2><p>Not known: the memory limit left no room to find out.</p></section>`;
	return html`<${Explorer} tree=${tree} query=${query} onQuery=${onQuery} />`;
}

function Page({ report, tree }) {
	const [query, setQuery] = useState('');
	const search = text => {
		setQuery(text);
		document.getElementById('heap').scrollIntoView();
	};
	return html`
		<${Header} report=${report} />
		<main>
			<${Tiles} report=${report} />
			<${Findings} findings=${report.findings} leftOut=${report.findings_left_out} suppressed=${report.suppressed} onSearch=${tree?.length ? search : null} />
			<${Heap} tree=${tree} query=${query} onQuery=${setQuery} />
			<${Holders} holders=${report.holders} heap=${report.heap} />
			<${Ledger} memory=${report.memory} heap=${report.heap} types=${report.types} />
			<${Caveats} caveats=${report.caveats} />
		</main>`;
}

async function main() {
	const page = document.getElementById('page');
	if (typeof DecompressionStream === 'undefined' || !Array.prototype.findLast)
		throw new Error('this browser is too old: Chrome 103, Firefox 113 or Safari 16.4 are the oldest that can show it');
	const report = await unpackJson('report');
	document.title = `${(report.target.exe || 'report').split('/').pop()} · seep`;
	page.textContent = '';
	render(html`<${Page} report=${report} />`, page);
	// Let it be painted before the tree takes its time.
	await new Promise(resolve => requestAnimationFrame(() => setTimeout(resolve)));
	const tree = new Tree(await unpack('tree'), await unpackJson('names'));
	render(html`<${Page} report=${report} tree=${tree} />`, page);
	requestAnimationFrame(() => requestAnimationFrame(() => performance.mark('tree drawn')));
}

main().catch(error => {
	document.getElementById('page').textContent = `The report cannot be shown: ${error.message}`;
	throw error;
});
