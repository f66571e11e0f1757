import type { DebugDumpFile, DebugDumpManifest, DebugDumpPart } from '../../contract/debug-dump.ts';
import type { KernelCapability } from '../../contract/node.ts';

/**
 * Inline styles of the dump's index page, with the values of `app/tokens.css`, because an archive is read without the
 * dashboard.
 */
const style = `
:root { color-scheme: dark; --page: #0d1012; --raised: #14181b; --hair: #20262a; --line: #343d43; --name: #edf1f2; --text: #b9c2c7; --muted: #8c979e; --accent: #66dca6; --signal: #ff8d9d; --wash: #2b141a; --focus: #a5f3cf }
@media (prefers-color-scheme: light) {
  :root { color-scheme: light; --page: #fbfcfc; --raised: #ffffff; --hair: #e4e9eb; --line: #c8d1d5; --name: #10171a; --text: #3a464c; --muted: #5a676e; --accent: #08704a; --signal: #ab1a3e; --wash: #fdeaee; --focus: #0a7d53 }
}
body { margin: 0; background: var(--page); color: var(--text); font: 13px/20px "Inter Variable", Inter, system-ui, sans-serif }
header { height: 44px; padding: 0 24px; display: flex; align-items: center; gap: 8px; border-bottom: 1px solid var(--line); color: var(--name); font-weight: 600 }
header svg { color: var(--accent) }
main { padding: 24px; max-width: 1200px }
h1 { margin: 0 0 16px; font-size: 20px; line-height: 24px; color: var(--name) }
h2 { margin: 32px 0 8px; font-size: 15px; line-height: 20px; color: var(--name) }
p { margin: 0 0 8px; max-width: 80ch }
dl { display: grid; grid-template-columns: max-content 1fr; gap: 0 24px; margin: 0 }
dt { color: var(--muted) } dd { margin: 0; color: var(--name) }
dl + p { margin-top: 16px }
nav ul { list-style: none; padding: 0; margin: 0 0 8px; columns: 3 200px }
a { color: var(--accent); text-underline-offset: 2px } a:focus-visible, summary:focus-visible { outline: 2px solid var(--focus) }
.scroll { overflow-x: auto }
table { border-collapse: collapse; width: 100% }
th, td { text-align: left; vertical-align: top; padding: 4px 16px 4px 0; border-bottom: 1px solid var(--hair) }
th { color: var(--muted); font-weight: 400; border-bottom-color: var(--line) }
td:first-child { color: var(--name) }
td.number, th.number { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap }
code { font: 12px/16px "JetBrains Mono Variable", ui-monospace, monospace; overflow-wrap: anywhere }
summary { cursor: pointer; padding: 4px 0; color: var(--name) }
.problem { color: var(--signal) }
section.missing { background: var(--wash); padding: 1px 16px 12px; border-radius: 4px; margin-top: 24px } section.missing code { white-space: nowrap } section.missing h2 { margin-top: 12px }`;

const mark =
  '<svg width="22" height="16" viewBox="0 0 22 16" fill="none" stroke="currentColor" stroke-width="2" aria-hidden="true">' +
  '<path d="M0 4.5h3M0 11.5h3M19 4.5h3M19 11.5h3"/><rect x="4" y="1" width="14" height="14" rx="7"/><path d="M11 4.5v7"/></svg>';

/**
 * Renders the `index.html` of a dump archive: contents, problems and links to the files. The page loads no other
 * resources.
 */
export function renderDebugDumpIndexPage(
  manifest: DebugDumpManifest,
  parts: readonly DebugDumpPart[],
  capabilities: readonly KernelCapability[],
): string {
  const { host, files } = manifest;
  const sections = parts.map((part) => ({ ...part, all: files.filter((file) => file.part === part.name) }));
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"/><meta name="viewport" content="width=device-width, initial-scale=1"/>
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'"/>
<title>${text(host.name)} · ${text(manifest.takenAt)} · Podlane</title><style>${style}</style></head>
<body><header>${mark}Podlane</header><main>
<h1>Debug archive of ${text(host.name)}</h1>
<dl>${fact('Taken', `${manifest.takenAt} to ${manifest.endedAt}`)}${fact('Kernel', `${host.kernel}, ${host.machine}`)}${fact('Boot', host.bootId)}${fact('Podlane', `${manifest.podlane}${manifest.agent ? '' : ', by the command alone: no agent responded'}`)}${fact('Files', `${files.filter(({ bytes }) => bytes !== null).length}, ${size(sum(files))}`)}${manifest.tools.map(({ name, version }) => fact(name, version ?? 'not installed')).join('')}</dl>
${missing(parts)}
<h2 id="parts">Parts</h2>
<nav aria-label="Parts"><ul>${sections.map(({ name, title, all }) => `<li><a href="#${name}">${text(title)}</a> ${all.length}</li>`).join('')}<li><a href="#capabilities">Capabilities</a></li><li><a href="manifest.json">manifest.json</a></li></ul></nav>
<p>Each file is the output of its command; <a href="manifest.json">manifest.json</a> has its SHA-256. Not included: ${text(manifest.leftOut.map((each) => each.replace(/\.$/, '')).join('; '))}.</p>
${sections.map(({ name, title, all }) => `<section><h2 id="${name}">${text(title)}</h2>${byPod(all)}</section>`).join('\n')}
<section><h2 id="capabilities">Capabilities</h2>${table(
    ['Capability', 'Available', 'Probe'],
    capabilities.map(({ name, available, detail, hint }) => [
      text(name),
      available ? 'yes' : '<span class="problem">no</span>',
      text(hint === null ? detail : `${detail}; ${hint}`),
    ]),
  )}</section>
</main></body></html>
`;
}

function missing(parts: readonly DebugDumpPart[]): string {
  const rows = parts.flatMap(({ title, problems }) =>
    problems.map(({ path, problem }) => [text(title), `<code>${text(path)}</code>`, text(problem)]),
  );
  if (rows.length === 0) return '<p>Nothing is missing.</p>';
  return `<section class="missing"><h2 id="missing">Missing or incomplete: ${rows.length}</h2>${table(['Part', 'File', 'Why'], rows)}</section>`;
}

/** Renders the list of the host's files, and those of each pod in a collapsed section. */
function byPod(files: readonly DebugDumpFile[]): string {
  const pods = [...new Set(files.map(({ pod }) => pod).filter((pod) => pod !== null))];
  const own = files.filter(({ pod }) => pod === null);
  return [
    ...(own.length > 0 || pods.length === 0 ? [fileTable(own)] : []),
    ...pods.map((pod) => {
      const of = files.filter((file) => file.pod === pod);
      return `<details><summary>${text(pod)} (${of.length})</summary>${fileTable(of)}</details>`;
    }),
  ].join('');
}

const fileTable = (files: readonly DebugDumpFile[]): string =>
  files.length === 0
    ? '<p>No files.</p>'
    : table(
        ['File', 'Command', 'Size'],
        files.map(({ path, title, command, bytes, problem }) => [
          bytes === null ? text(title) : `<a href="${encodeURI(path)}">${text(title)}</a>`,
          `<code>${text(command)}</code>${problem === null ? '' : `<br/><span class="problem">${text(problem)}</span>`}`,
          bytes === null ? 'missing' : size(bytes),
        ]),
      );

/** Renders an HTML table from cells that contain HTML; the column Size is right-aligned. */
const table = (head: readonly string[], rows: readonly string[][]): string => {
  const kind = (column: number) => (head[column] === 'Size' ? ' class="number"' : '');
  const cells = (tag: 'th' | 'td', row: readonly string[]) =>
    `<tr>${row.map((cell, column) => `<${tag}${kind(column)}>${cell}</${tag}>`).join('')}</tr>`;
  return `<div class="scroll"><table><thead>${cells('th', head)}</thead><tbody>${rows.map((row) => cells('td', row)).join('')}</tbody></table></div>`;
};

const fact = (name: string, value: string): string => `<dt>${text(name)}</dt><dd>${text(value)}</dd>`;

const sum = (files: readonly DebugDumpFile[]): number =>
  files.reduce((total, { bytes }) => total + (bytes ?? 0), 0);

const size = (bytes: number): string =>
  bytes < 1024
    ? `${bytes} B`
    : bytes < 1 << 20
      ? `${(bytes / 1024).toFixed(1)} KiB`
      : `${(bytes / (1 << 20)).toFixed(1)} MiB`;

const text = (value: string): string =>
  value.replace(/[&<>"]/g, (character) => `&#${character.charCodeAt(0)};`);
