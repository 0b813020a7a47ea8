// One card for a finding: closed, the line that says what it is; open, all evidence.
import { html } from 'htm/preact';
import { bytes, counted, duration, place } from './format.js';

const MEANING = {
	proven: 'follows from what can be reached',
	deadlocked: 'who holds the lock waits for it, too',
	abandoned: 'who held the lock is gone',
	suspect: 'likely, and what is missing for a proof is said',
	waiting: 'something alive can still wake it',
	intended: 'blocks for ever on purpose',
};

function Stack({ frames }) {
	return html`<ol class="stack">${frames.map((frame, i) => html`
		<li key=${i}><code>${frame.function || '(unknown function)'}</code>${frame.file && html`<span>${frame.file}${frame.line ? `:${frame.line}` : ''}</span>`}</li>`)}</ol>`;
}

function Way({ path }) {
	return html`<p class="way">${path.map((step, i) => html`<code key=${i}>${step}</code>`)}</p>`;
}

function Goroutine({ goroutine }) {
	const on = goroutine.waits_on;
	return html`
		<details class="more">
			<summary>goroutine ${goroutine.id} · ${goroutine.state || 'state unknown'}${goroutine.wait_ns ? ` for ${duration(goroutine.wait_ns)}` : ''}</summary>
			${on && html`<p>waits on ${on.kind} ${on.type && html`<code>${on.type}</code>`} ${on.address && html`<code>${on.address}</code>`}</p>`}
			<${Stack} frames=${goroutine.stack} />
		</details>`;
}

function Held({ object, onSearch }) {
	return html`
		<details class="more">
			<summary><code>${object.type || 'object of unknown type'}</code>${object.size ? `  ${bytes(object.size)}` : ''}${
				object.visible_bytes !== undefined ? `, of which ${bytes(object.visible_bytes)} can be seen` : ''}</summary>
			<p>${object.address && html`at <code>${object.address}</code>`} ${object.type && onSearch && html`
				<button type="button" class="link" onClick=${() => onSearch(object.type)}>show this type in the heap</button>`}</p>
			${object.path && html`<${Way} path=${object.path} />`}
		</details>`;
}

function Fact({ name, children }) {
	return html`<div><dt>${name}</dt><dd>${children}</dd></div>`;
}

function Card({ finding, open, onSearch }) {
	const size = Math.max(finding.retained_bytes, finding.wasted_bytes || 0);
	return html`
		<details class=${`card ${finding.verdict}`} open=${open}>
			<summary>
				<span class="verdict" title=${MEANING[finding.verdict]}>${finding.verdict}</span>
				<span class="what"><b>${finding.cause}</b> <span class="where">${finding.holder || place(finding.where)}</span></span>
				<span class="amount"><b>${bytes(size)}</b> <span>${counted(finding.count, finding.noun)}</span></span>
			</summary>
			<div class="body">
				<p class="summary">${finding.summary}</p>
				<dl>
					${finding.where && html`<${Fact} name="where"><code>${place(finding.where)}</code><//>`}
					${finding.created && html`<${Fact} name="started"><code>${place(finding.created)}</code><//>`}
					${finding.holder && html`<${Fact} name="held by"><code>${finding.holder}</code><//>`}
					${finding.why?.length > 0 && html`<${Fact} name="why"><ul>${finding.why.map((line, i) => html`<li key=${i}>${line}</li>`)}</ul><//>`}
					${finding.known && html`<${Fact} name="known">${finding.known}<//>`}
					${finding.fix && html`<${Fact} name="fix"><span class="fix">${finding.fix}</span><//>`}
					<${Fact} name="memory">${bytes(finding.retained_bytes)} would be free${
						finding.wasted_bytes ? `; ${bytes(finding.wasted_bytes)} that nothing can see` : ''}${
						finding.age_ns ? `; for ${duration(finding.age_ns)} at least` : ''}<//>
					<${Fact} name="signature"><code>${finding.signature}</code><//>
				</dl>
				${finding.allocated && html`<h4>Allocated by</h4><${Stack} frames=${finding.allocated} />`}
				${finding.goroutines?.length > 0 && html`<h4>Goroutines${finding.goroutines.length < finding.count && finding.noun === 'goroutine' ? `, ${finding.goroutines.length} of ${finding.count}` : ''}</h4>
					${finding.goroutines.map(g => html`<${Goroutine} key=${g.id} goroutine=${g} />`)}`}
				${finding.objects?.length > 0 && html`<h4>Objects, for example</h4>
					${finding.objects.map((o, i) => html`<${Held} key=${i} object=${o} onSearch=${onSearch} />`)}`}
			</div>
		</details>`;
}

function Suppressed({ suppressed }) {
	return html`
		<details class="more suppressed">
			<summary>${counted(suppressed.length, 'finding')} known already, and not counted</summary>
			<ul>${suppressed.map((known, i) => html`
				<li key=${i}><b>${known.cause}</b> ${known.verdict}, ${counted(known.count, known.noun)}, ${
					bytes(Math.max(known.retained_bytes, known.wasted_bytes || 0))} <code>${known.holder || place(known.where)}</code>: ${
					known.rule ? `${known.reason} (${known.rule})` : 'known from the baseline'}</li>`)}</ul>
		</details>`;
}

export function Findings({ findings, leftOut, suppressed, onSearch }) {
	const nothing = suppressed ? 'Nothing found but what is known already' : 'Nothing found';
	return html`
		<section id="findings" aria-labelledby="findings-title">
			<h2 id="findings-title">${findings.length ? counted(findings.length, 'finding') : nothing}</h2>
			${!findings.length && !suppressed && html`<p>Nothing in this program leaks, as far as seep can see. What it cannot see is listed at the end.</p>`}
			<div class="cards">${findings.map((finding, i) => html`<${Card} key=${finding.signature + i} finding=${finding} open=${i === 0} onSearch=${onSearch} />`)}</div>
			${leftOut > 0 && html`<p class="hint">${counted(leftOut, 'more finding')} left out by --top.</p>`}
			${suppressed && html`<${Suppressed} suppressed=${suppressed} />`}
		</section>`;
}
