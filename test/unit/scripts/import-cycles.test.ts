import { expect, test } from 'vitest';
import { findImportCycles, groupGraphByFolder } from '../../../scripts/check/import-cycles.ts';

const graph = (edges: Record<string, string[]>) => new Map(Object.entries(edges));

test('a chain has no circle', () => {
  expect(findImportCycles(graph({ a: ['b', 'c'], b: ['c'], c: [] }))).toEqual([]);
});

test('files that import each other are one circle, with all that lie on it', () => {
  expect(findImportCycles(graph({ a: ['b'], b: ['c'], c: ['a', 'd'], d: [], e: ['e'] }))).toEqual([
    ['a', 'b', 'c'],
    ['e'],
  ]);
});

test('folders can form a circle that no files form', () => {
  const files = graph({
    's/a/1': ['s/b/1'],
    's/b/1': [],
    's/b/2': ['s/a/2'],
    's/a/2': [],
    's/top': ['s/a/1'],
  });
  expect(findImportCycles(files)).toEqual([]);
  expect(findImportCycles(groupGraphByFolder(files, 's'))).toEqual([['s/a', 's/b']]);
});
