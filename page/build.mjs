// Usage: node build.mjs FOLDER OUTPUT.c DEPFILE
//
// Bundles src/main.js with the libraries in FOLDER/node_modules, puts it and style.css into index.html with a policy
// that allows just these two, and writes the page as a C file with two arrays: what comes before the data and what comes behind.
import { createHash } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

const [folder, output, depfile] = process.argv.slice(2).map(path => resolve(path));
const source = dirname(fileURLToPath(import.meta.url));
const esbuild = createRequire(join(folder, 'package.json'))('esbuild');

const bundle = await esbuild.build({
	absWorkingDir: source,
	entryPoints: ['src/main.js', 'src/style.css'],
	outdir: folder,
	bundle: true,
	minify: true,
	write: false,
	metafile: true,
	charset: 'ascii',
	format: 'iife',
	target: ['es2022', 'chrome103', 'firefox113', 'safari16.4'],
	nodePaths: [join(folder, 'node_modules')],
	legalComments: 'none',
});
const text = ending => bundle.outputFiles.find(file => file.path.endsWith(ending)).text.trim();
const hash = content => `'sha256-${createHash('sha256').update(content).digest('base64')}'`;

const script = text('.js').replace(/<\/script/gi, '<\\/script');
const style = text('.css');
// Their licences ask to go with them. That of htm, Apache 2.0, is seep's own, too.
const licence = name => `${name}\n\n${readFileSync(join(folder, 'node_modules', name, 'LICENSE'), 'utf8').trim()}`;
const licences = ['preact', 'd3-hierarchy'].map(licence).join('\n\n') +
	'\n\nhtm\n\nCopyright 2018 Google Inc. Apache License 2.0, https://www.apache.org/licenses/LICENSE-2.0';
if (licences.includes('--'))
	throw new Error('a licence would end the comment that it stands in');
const fill = {
	'{{licences}}': licences,
	'{{policy}}': `default-src 'none'; script-src ${hash(script)}; style-src ${hash(style)}; base-uri 'none'; form-action 'none'`,
	'{{style}}': style,
	'{{script}}': script,
};
let page = readFileSync(join(source, 'src/index.html'), 'utf8');
for (const [mark, content] of Object.entries(fill))
	page = page.split(mark).join(content);
const [before, after, ...more] = page.split('{{data}}');
if (after === undefined || more.length)
	throw new Error('src/index.html must have {{data}} once');

const array = (name, content) => {
	const bytes = Buffer.from(content);
	const rows = [];
	for (let i = 0; i < bytes.length; i += 32)
		rows.push('\t' + [...bytes.subarray(i, i + 32)].join(','));
	return `const unsigned char ${name}[] = {\n${rows.join(',\n')}\n};\nconst size_t ${name}_len = ${bytes.length};\n`;
};
writeFileSync(output, '// Made by page/build.mjs; do not edit.\n#include "report/html_page.h"\n\n' +
	array('seep_html_before', before) + array('seep_html_after', after));
const inputs = Object.keys(bundle.metafile.inputs).map(path => resolve(source, path));
inputs.push(join(source, 'src/index.html'), join(source, 'build.mjs'));
writeFileSync(depfile, `${output}: ${inputs.map(path => path.replaceAll(' ', '\\ ')).join(' ')}\n`);
