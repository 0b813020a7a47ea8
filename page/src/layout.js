// Where things are drawn: only what hangs on the node that is looked at, and of it only what is large enough to be seen.
import { hierarchy, partition, treemap } from 'd3-hierarchy';

export const ROW = 23;
const LABEL = 17;

function visible(tree, zoom, levels, enough) {
	const base = tree.depth[zoom];
	const root = hierarchy(zoom, i => tree.depth[i] - base < levels ? tree.children(i, enough) : null);
	return root.each(d => d.value = tree.retained[d.data]);
}

/** Boxes in boxes: { data: node, x0, y0, x1, y1, depth }. Each comes before those in it. */
export function layTreemap(tree, zoom, width, height) {
	const root = visible(tree, zoom, 6, tree.retained[zoom] * 20 / (width * height));
	const roomy = d => d.x1 - d.x0 > 46 && d.y1 - d.y0 > 2.4 * LABEL;
	treemap().size([width, height]).round(true).paddingInner(1)
		.paddingTop(d => roomy(d) ? LABEL : 1)
		.paddingRight(1).paddingBottom(1).paddingLeft(1)(root);
	return root.descendants().filter(d => d.x1 - d.x0 >= 1 && d.y1 - d.y0 >= 1);
}

/** Rows under rows, each as wide as what it retains. */
export function layFlame(tree, zoom, width) {
	const root = visible(tree, zoom, 40, tree.retained[zoom] / width);
	partition().size([width, (root.height + 1) * ROW])(root);
	return root.descendants();
}
