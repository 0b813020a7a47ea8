// What seep put into the page: see src/report/html.c.

/** The content of the element: base64 of gzip. */
export async function unpack(id) {
	const packed = Uint8Array.from(atob(document.getElementById(id).textContent), c => c.charCodeAt(0));
	const stream = new Blob([packed]).stream().pipeThrough(new DecompressionStream('gzip'));
	return new Response(stream).arrayBuffer();
}

export async function unpackJson(id) {
	return JSON.parse(new TextDecoder().decode(await unpack(id)));
}

const ROW = 8 + 8 + 4 + 1;
/** The name of what several hold: see src/detect/dominator_tree.c. */
const SHARED = 6;

/** The dominator tree as columns, by node; nodes are numbers, 0 is the whole, and what hangs on a node comes right behind it. */
export class Tree {
	constructor(buffer, names) {
		const n = this.length = buffer.byteLength / ROW;
		this.names = names;
		this.count = Float64Array.from(new BigUint64Array(buffer, 0, n), Number);
		this.bytes = Float64Array.from(new BigUint64Array(buffer, 8 * n, n), Number);
		this.name = new Uint32Array(buffer, 16 * n, n);
		this.depth = new Uint8Array(buffer, 20 * n, n);
		this.parent = new Int32Array(n).fill(-1);
		this.retained = this.bytes.slice();
		this.objects = new Float64Array(n);
		/** The first node that is not of the subtree any more. */
		this.end = new Int32Array(n);
		const above = [];
		for (let i = 0; i < n; i++) {
			if (this.depth[i])
				this.parent[i] = above[this.depth[i] - 1];
			above[this.depth[i]] = i;
		}
		for (let i = n - 1; i >= 0; i--) {
			this.objects[i] += this.isHolder(i) ? 0 : this.count[i];
			this.end[i] ||= i + 1;
			const parent = this.parent[i];
			if (parent < 0)
				continue;
			this.retained[parent] += this.retained[i];
			this.objects[parent] += this.objects[i];
			this.end[parent] ||= this.end[i];
		}
	}

	/** Whether it is a variable, goroutine or timer, and no object; such are below their kind, objects below the last kind. */
	isHolder(i) {
		return this.depth[i] < 2 || (this.depth[i] === 2 && this.name[this.parent[i]] !== SHARED);
	}

	nameOf(i) {
		return this.names[this.name[i]];
	}

	/** Those that retain at least so much, the largest first. */
	children(i, enough) {
		const found = [];
		for (let k = i + 1; k < this.end[i]; k = this.end[k])
			if (this.retained[k] >= enough)
				found.push(k);
		return found.sort((a, b) => this.retained[b] - this.retained[a]);
	}

	/** From the whole down to i. */
	path(i) {
		const path = [];
		for (; i >= 0; i = this.parent[i])
			path.unshift(i);
		return path;
	}

	/** By name: all its nodes together; what they retain is counted once where one is below another. */
	byName() {
		const sums = this.names.map((name, i) => ({ name: i, node: -1, count: 0, bytes: 0, retained: 0 }));
		const inside = new Int32Array(this.names.length);
		for (let i = 0; i < this.length; i++) {
			const sum = sums[this.name[i]];
			sum.count += this.count[i];
			sum.bytes += this.bytes[i];
			if (sum.node < 0 || this.retained[i] > this.retained[sum.node])
				sum.node = i;
			if (i >= inside[this.name[i]]) {
				sum.retained += this.retained[i];
				inside[this.name[i]] = this.end[i];
			}
		}
		return sums.filter(sum => sum.node >= 0);
	}

	/** By name: whether it contains the text; null = nothing is asked for. */
	matches(text) {
		const wanted = text.trim().toLowerCase();
		return wanted ? Uint8Array.from(this.names, name => name.toLowerCase().includes(wanted) ? 1 : 0) : null;
	}
}
