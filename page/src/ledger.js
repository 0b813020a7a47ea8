// What the process's memory consists of, and who holds the heap.
import { html } from 'htm/preact';
import { bytes, count, counted, share } from './format.js';

const KINDS = { variable: 'package variable', type: 'type', goroutine: 'goroutine', object: 'object', timer: 'timer', runtime: 'runtime' };

function Parts({ parts, whole }) {
	return html`
		<div class="stacked" aria-hidden="true">${parts.map((part, i) => html`
			<span key=${i} class=${`part part${i % 8}`} style=${{ flexGrow: part.bytes }} title=${`${part.name} ${bytes(part.bytes)}`} />`)}</div>
		<table class="ledger"><tbody>${parts.map((part, i) => html`
			<tr key=${i}><th scope="row"><span class=${`dot part${i % 8}`} />${part.name}</th>
				<td class="number">${bytes(part.bytes)}</td><td class="number">${share(part.bytes, whole)}</td></tr>`)}
		</tbody></table>`;
}

export function Ledger({ memory, heap, types }) {
	const facts = [
		['allocated', `${bytes(heap.bytes)} in ${counted(heap.objects, 'object')}`],
		['reachable', `${bytes(heap.reachable_bytes)} in ${counted(heap.reachable_objects, 'object')}`],
		['garbage', bytes(heap.garbage_bytes)],
		['stacks', bytes(heap.stack_bytes)],
		memory?.gogc !== undefined && ['GOGC', memory.gogc < 0 ? 'off' : count(memory.gogc)],
		memory?.next_gc && ['next collection', `at ${bytes(memory.next_gc)}`],
		memory?.memory_limit && ['memory limit', memory.memory_limit >= 2 ** 62 ? 'none' : bytes(memory.memory_limit)],
		memory?.cgroup_limit && ['control group', `${bytes(memory.cgroup_usage || 0)} of ${bytes(memory.cgroup_limit)}`],
		types && ['of known type', share(types.typed_bytes, types.bytes)],
	].filter(Boolean);
	return html`
		<section id="memory" aria-labelledby="memory-title">
			<h2 id="memory-title">What the memory consists of</h2>
			<div class="columns">
				${memory?.parts && html`<div><h3>Resident memory, ${bytes(memory.rss)}</h3><${Parts} parts=${memory.parts} whole=${memory.rss} /></div>`}
				<div><h3>Heap</h3><table class="ledger"><tbody>${facts.map(([name, value]) => html`
					<tr key=${name}><th scope="row">${name}</th><td class="number">${value}</td></tr>`)}</tbody></table></div>
			</div>
		</section>`;
}

export function Holders({ holders, heap }) {
	if (!holders?.length)
		return null;
	return html`
		<section id="holders" aria-labelledby="holders-title">
			<h2 id="holders-title">Who holds the heap, leak or not</h2>
			<ul class="holders">${holders.map((holder, i) => html`
				<li key=${i}>
					<p><b>${bytes(holder.retained_bytes)}</b> <span class="share">${share(holder.retained_bytes, heap.reachable_bytes)}</span>
						${' '}<span class="kind">${KINDS[holder.kind] || holder.kind}</span> <code>${holder.name}</code></p>
					${holder.path && html`<p class="way">${holder.path.map((step, k) => html`<code key=${k}>${step}</code>`)}</p>`}
					${holder.point && html`<p class="hint">${holder.point}</p>`}
				</li>`)}</ul>
		</section>`;
}
