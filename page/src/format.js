// Numbers for people.
const UNITS = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];

export function bytes(n) {
	let unit = 0;
	while (n >= 1024 && unit < UNITS.length - 1) {
		n /= 1024;
		unit++;
	}
	return `${unit && n < 100 ? n.toFixed(1) : count(Math.round(n))} ${UNITS[unit]}`;
}

export function count(n) {
	return n.toLocaleString('en-US');
}

export function counted(n, noun) {
	return `${count(n)} ${noun}${n === 1 ? '' : 's'}`;
}

export function share(part, whole) {
	if (!whole)
		return '';
	const percent = 100 * part / whole;
	return percent && percent < 0.1 ? '< 0.1 %' : `${percent.toFixed(1)} %`;
}

export function duration(ns) {
	const seconds = ns / 1e9;
	if (seconds < 1)
		return `${(ns / 1e6).toFixed(1)} ms`;
	if (seconds < 120)
		return `${Math.round(seconds)} s`;
	if (seconds < 7200)
		return `${Math.round(seconds / 60)} min`;
	return seconds < 172800 ? `${Math.round(seconds / 3600)} h` : `${Math.round(seconds / 86400)} days`;
}

export function place(frame) {
	if (!frame)
		return '';
	const file = frame.file ? frame.file + (frame.line ? `:${frame.line}` : '') : '';
	return [frame.function, file].filter(Boolean).join('  ');
}
