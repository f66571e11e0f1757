import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

const kernelLayers = ['server/ffi', 'server/netlink', 'server/bpf', 'server/kernel'];
const capabilities = [
  'server/datapath',
  'server/acl',
  'server/preflight',
  'server/kubernetes',
  'server/runtime',
  'server/programs',
  'server/counters',
  'server/debug',
  'server/trace',
];
/** Types of persistent data, which every capability may import, unlike the store that implements them. */
const storePort = ['server/store/store-interfaces.ts', 'server/store/records.ts'];
const allAbove = ['contract', 'server/async', ...kernelLayers, ...storePort, 'server/datapath'];
const listeners = [
  'server/version.ts',
  'contract',
  'server/async',
  'server/kernel',
  ...capabilities,
  ...storePort,
  'server/http',
  'server/stream',
  'server/cni',
];

/**
 * Paths that each folder may import besides itself. The longest matching folder applies; unlisted ones may import
 * all.
 */
const allowed: Record<string, string[]> = {
  contract: [],
  app: ['contract'],
  gateway: ['contract'],
  cli: ['contract', 'server'], // a dump without an agent
  server: ['contract', 'server'], // main.ts composes
  'server/async': [],
  'server/version.ts': [],
  'server/ffi': [],
  'server/netlink': ['contract', 'server/async', 'server/ffi'],
  'server/bpf': ['contract', 'server/async', 'server/ffi'],
  'server/kernel': ['contract', 'server/async', 'server/ffi', 'server/netlink', 'server/bpf'],
  'server/datapath': ['contract', 'server/async', ...kernelLayers, ...storePort],
  'server/acl': allAbove,
  'server/adoption': [...allAbove, 'server/acl', 'server/runtime'],
  'server/preflight': allAbove,
  'server/kubernetes': [...allAbove, 'server/acl', 'server/version.ts'],
  'server/programs': allAbove,
  'server/runtime': [...allAbove, 'server/counters'],
  'server/counters': allAbove,
  'server/debug': allAbove,
  'server/trace': [...allAbove, 'server/acl'],
  'server/store': ['contract', 'server/async', ...storePort],
  'server/store/store-interfaces.ts': ['contract', 'server/store/records.ts'],
  'server/store/records.ts': ['contract'],
  'server/http': listeners,
  'server/stream': listeners,
  'server/cni': listeners,
  'server/lab': ['contract', 'server/async', ...kernelLayers, ...capabilities],
};

/** Packages that only the listed folders may import. */
const reserved: { package: RegExp; below: string[]; only: string[] }[] = [
  {
    package: /^@?prisma(\/|$)|better-sqlite3/,
    below: ['app', 'gateway', 'server', 'contract'],
    only: ['server/store'],
  },
  {
    package: /^@kubernetes\//,
    below: ['app', 'gateway', 'server', 'contract', 'cli'],
    only: ['server/kubernetes', 'gateway/kubernetes-sign-in.ts'],
  },
  { package: /^koffi$/, below: ['app', 'gateway', 'contract'], only: ['gateway/not-dumpable.ts'] },
  { package: /^(next|react|react-dom)(\/|$)/, below: ['server', 'contract'], only: [] },
];

/** Returns the module names that a source imports, including types, by a text search without parsing. */
export function parseImports(source: string): string[] {
  const patterns = [
    /^\s*(?:import|export)\b[^'"`;]*?\bfrom\s*['"]([^'"]+)['"]/gm,
    /^\s*import\s*['"]([^'"]+)['"]/gm,
    /\bimport\(\s*['"]([^'"]+)['"]/g,
  ];
  return patterns.flatMap((pattern) => [...source.matchAll(pattern)].map(([, name = '']) => name));
}

const isBelow = (path: string, folder: string) => path === folder || path.startsWith(`${folder}/`);

function folderOf(path: string): string | undefined {
  return Object.keys(allowed)
    .filter((folder) => isBelow(path, folder))
    .sort((a, b) => b.length - a.length)[0];
}

/** Explains why a file may not import a module; undefined if it may. */
export function explainForbiddenImport(file: string, name: string): string | undefined {
  if (!name.startsWith('.') && !name.startsWith('@/')) {
    const rule = reserved.find((candidate) => candidate.package.test(name));
    if (!rule?.below.some((folder) => isBelow(file, folder))) return undefined;
    if (rule.only.some((folder) => isBelow(file, folder))) return undefined;
    return `${file} imports ${name}: only ${rule.only.join(', ') || 'other parts'} may`;
  }
  const from = folderOf(file);
  if (from === undefined) return undefined;
  const target = name.startsWith('@/') ? name.slice(2) : join(dirname(file), name);
  const to = folderOf(target);
  const mayImport = allowed[from] ?? [];
  const [root] = from.split('/');
  if (to === undefined) {
    if (!target.includes('/') && !target.startsWith('..')) return undefined; // package.json and the like
    return `${file} imports ${name}: ${root}/ may not import ${target.split('/')[0]}/`;
  }
  if (
    to === from ||
    mayImport.some((folder) => (folder === 'server' ? isBelow(to, 'server') : to === folder))
  )
    return undefined;
  return `${file} imports ${name}: ${from}/ may import ${mayImport.join(', ') || 'nothing'}`;
}

/** Reports all imports among `files` that break the table of folders. */
export function checkFolderImports(root: string, files: string[]): string[] {
  return files
    .filter((file) => /\.(ts|tsx|js)$/.test(file))
    .flatMap((file) =>
      parseImports(readFileSync(join(root, file), 'utf8')).map((name) => explainForbiddenImport(file, name)),
    )
    .filter((problem) => problem !== undefined);
}
