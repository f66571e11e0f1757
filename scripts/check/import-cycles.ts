import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { parseImports } from './folder-imports.ts';

/** Import graph: maps the path of each file to the paths of the project's files that it imports, including types. */
export type ImportGraph = ReadonlyMap<string, readonly string[]>;

/** Builds the import graph of all TypeScript and JavaScript files among `files`. */
export function buildImportGraph(root: string, files: string[]): ImportGraph {
  const sources = files.filter((file) => /\.(ts|tsx|js)$/.test(file));
  return new Map(
    sources.map((file) => {
      const targets = parseImports(readFileSync(join(root, file), 'utf8'))
        .filter((name) => name.startsWith('.') || name.startsWith('@/'))
        .map((name) => (name.startsWith('@/') ? name.slice(2) : join(dirname(file), name)))
        .flatMap((base) =>
          ['', '.ts', '.tsx']
            .map((end) => base + end)
            .filter((path) => sources.includes(path))
            .slice(0, 1),
        );
      return [file, targets] as const;
    }),
  );
}

/** Finds import cycles: groups of nodes that reach each other (Tarjan's strongly connected components). */
export function findImportCycles(graph: ImportGraph): string[][] {
  const index = new Map<string, number>();
  const low = new Map<string, number>();
  const stack: string[] = [];
  const found: string[][] = [];
  const visit = (node: string): number => {
    const own = index.size;
    index.set(node, own);
    let lowest = own;
    stack.push(node);
    for (const next of graph.get(node) ?? []) {
      const seen = index.get(next);
      if (seen === undefined) lowest = Math.min(lowest, visit(next));
      else if (stack.includes(next)) lowest = Math.min(lowest, low.get(next) ?? seen);
    }
    low.set(node, lowest);
    if (lowest === own) {
      const group = stack.splice(stack.indexOf(node));
      if (group.length > 1 || graph.get(node)?.includes(node)) found.push(group.sort());
    }
    return lowest;
  };
  for (const node of graph.keys()) if (!index.has(node)) visit(node);
  return found;
}

/** Merges the files of each folder below `below` into one node, to find import cycles between folders. */
export function groupGraphByFolder(graph: ImportGraph, below: string): ImportGraph {
  const folder = (file: string): string | undefined => {
    if (!file.startsWith(`${below}/`)) return undefined;
    const rest = file.slice(below.length + 1).split('/');
    return rest.length > 1 ? `${below}/${rest[0]}` : file;
  };
  const merged = new Map<string, string[]>();
  for (const [file, targets] of graph) {
    const from = folder(file);
    if (from === undefined) continue;
    const list = merged.get(from) ?? [];
    for (const target of targets) {
      const to = folder(target);
      if (to !== undefined && to !== from && !list.includes(to)) list.push(to);
    }
    merged.set(from, list);
  }
  return merged;
}

/** Reports import cycles between files, and between the folders of each part of the agent. */
export function checkImportCycles(root: string, files: string[]): string[] {
  const graph = buildImportGraph(root, files);
  const capabilities = files
    .filter((file) => file.startsWith('server/'))
    .map((file) => dirname(file).split('/').slice(0, 2).join('/'))
    .filter(
      (folder, place, all) =>
        folder !== 'server' && all.indexOf(folder) === place && existsSync(join(root, folder)),
    );
  const groups = [
    ...findImportCycles(graph).map((group) => ({ group, of: 'files' })),
    ...['server', ...capabilities].flatMap((below) =>
      findImportCycles(groupGraphByFolder(graph, below)).map((group) => ({ group, of: 'folders' })),
    ),
  ];
  const lines = groups.map(({ group, of }) => `circle of ${of}: ${group.join(', ')}`);
  return lines.filter((line, place) => lines.indexOf(line) === place);
}
