import { expect, test } from 'vitest';
import { sortTableRows, type TableColumn } from '../../../app/_components/table/table-column.ts';
import {
  buildProgramFilterQuery,
  countProgramFacets,
  emptyProgramFilter,
  filterPrograms,
  parseProgramFilter,
} from '../../../app/programs/_list/program-filter.ts';
import {
  buildInstructionListingLines,
  formatInstructionListing,
} from '../../../app/programs/[id]/instruction-listing-lines.ts';
import { formatHexLines, formatInlineMapValue } from '../../../app/programs/maps/[id]/format-map-value.ts';
import type { BpfInstruction, BpfProgram } from '../../../contract/program.ts';

const program = (id: number, more: Partial<BpfProgram>): BpfProgram => ({
  id,
  type: 'sched_cls',
  name: `p${id}`,
  fullName: null,
  tag: 'ab',
  loadedAt: '2026-11-22T10:00:00Z',
  uid: 0,
  gpl: true,
  owner: { kind: 'unknown', why: 'nobody holds it' },
  holders: [],
  pins: [],
  xlatedBytes: 8,
  jitedBytes: 8,
  instructions: 1,
  verifiedInstructions: 1,
  memoryBytes: 4096,
  runCount: null,
  runTimeNs: null,
  recursionMisses: null,
  rate: null,
  mapIds: [],
  btfId: null,
  attachments: [],
  attachmentCount: 0,
  notAttached: 'nowhere',
  ...more,
});

const ours = program(7, { name: 'from_pod', owner: { kind: 'podlane', what: 'datapath' } });
const cilium = program(8, { type: 'xdp', owner: { kind: 'process', pid: 312, name: 'cilium-agent' } });

test('programs match every word of the filter in name, owner or id', () => {
  const shown = (text: string, more = {}) =>
    filterPrograms([ours, cilium], { ...emptyProgramFilter, text, ...more }).map(({ id }) => id);
  expect(shown('pod datapath')).toEqual([7]);
  expect(shown('CILIUM')).toEqual([8]);
  expect(shown('312 xdp')).toEqual([8]);
  expect(shown('7')).toEqual([7]);
  expect(shown('', { owner: 'foreign' })).toEqual([8]);
  expect(shown('', { types: ['sched_cls'] })).toEqual([7]);
  expect(countProgramFacets([ours, cilium])).toEqual({
    podlane: 1,
    foreign: 1,
    types: [
      ['sched_cls', 1],
      ['xdp', 1],
    ],
  });
});

test('a filter survives its URL; unknown values are ignored', () => {
  const view = {
    ...emptyProgramFilter,
    text: 'a b',
    owner: 'foreign',
    types: ['xdp', 'tracing'],
    sort: 'cpu',
  } as const;
  expect(buildProgramFilterQuery(emptyProgramFilter)).toBe('');
  expect(parseProgramFilter(new URLSearchParams(buildProgramFilterQuery(view)))).toEqual(view);
  expect(parseProgramFilter(new URLSearchParams('owner=me&sort=unknown&order=up'))).toEqual(
    emptyProgramFilter,
  );
});

test('rows are sorted by a column; unknown values come last in both directions', () => {
  const columns: TableColumn<{ n: number | null }>[] = [
    { key: 'n', label: 'n', sort: ({ n }) => n, cell: () => null },
  ];
  const order = (descending: boolean) =>
    sortTableRows([{ n: 2 }, { n: null }, { n: Number.NaN }, { n: 10 }], columns, {
      sort: 'n',
      descending,
    }).map(({ n }) => n);
  expect(order(false)).toEqual([2, 10, null, Number.NaN]);
  expect(order(true)).toEqual([10, 2, null, Number.NaN]);
});

test('a listing has function names and source lines between its instructions', () => {
  const plain = { hex: '', function: null, source: null, target: null };
  const instructions: BpfInstruction[] = [
    {
      ...plain,
      index: 0,
      text: 'r0 = 0',
      function: 'from_pod',
      source: { file: 'a/b.c', line: 3, column: 1, text: '  return 0;' },
    },
    { ...plain, index: 1, text: 'exit' },
  ];
  expect(buildInstructionListingLines(instructions, true).map(({ kind }) => kind)).toEqual([
    ...['function', 'source', 'instruction', 'instruction'],
  ]);
  expect(buildInstructionListingLines(instructions, false)).toHaveLength(3);
  expect(formatInstructionListing(instructions)).toBe('from_pod:\n; return 0;\n   0: r0 = 0\n   1: exit');
});

test('a value is formatted on one line: named members, counted runs, strings quoted where needed', () => {
  expect(formatInlineMapValue({ address: '10.0.0.1', ports: [80, 443], on: true })).toBe(
    '{address: 10.0.0.1, ports: [80, 443], on: true}',
  );
  expect(formatInlineMapValue([0, 0, 0, 0, 1])).toBe('[0 ×4, 1]');
  expect(formatInlineMapValue('two words')).toBe('"two words"');
  expect(formatHexLines('00'.repeat(17))).toEqual([Array(16).fill('00').join(' '), '00']);
});
