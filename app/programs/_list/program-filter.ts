import type { BpfProgram } from '../../../contract/program.ts';
import type { TableSorting } from '../../_components/table/table-column.ts';
import { formatBpfOwner, formatProgramName } from '../program-queries.ts';

export const programSortKeys = [
  'default',
  'id',
  'name',
  'type',
  'owner',
  'attached',
  'loaded',
  'instructions',
  'jited',
  'memory',
  'runs',
  'ns',
  'cpu',
] as const;
export type ProgramSortKey = (typeof programSortKeys)[number];

/** Filter and sort order of the program list, stored in the URL. */
export interface ProgramFilter extends TableSorting<ProgramSortKey> {
  text: string;
  owner: 'podlane' | 'foreign' | null;
  types: readonly string[];
}

/** Default filter of the program list: all programs, Podlane's first, then by id. */
export const emptyProgramFilter: ProgramFilter = {
  text: '',
  owner: null,
  types: [],
  sort: 'default',
  descending: false,
};

/** Parses the program list's filter from a URL query; ignores unknown values. */
export function parseProgramFilter(query: URLSearchParams): ProgramFilter {
  const owner = query.get('owner');
  return {
    text: query.get('q') ?? '',
    owner: owner === 'podlane' || owner === 'foreign' ? owner : null,
    types: (query.get('type') ?? '').split(',').filter((type) => type !== ''),
    sort: programSortKeys.find((key) => key === query.get('sort')) ?? emptyProgramFilter.sort,
    descending: query.get('order') === 'desc',
  };
}

/**
 * Converts the program list's filter to a URL query without defaults, e.g.
 * `owner=foreign&type=xdp&sort=cpu&order=desc`.
 */
export function buildProgramFilterQuery(view: ProgramFilter): string {
  const query = new URLSearchParams();
  if (view.text !== '') query.set('q', view.text);
  if (view.owner !== null) query.set('owner', view.owner);
  if (view.types.length > 0) query.set('type', view.types.join(','));
  if (view.sort !== emptyProgramFilter.sort) query.set('sort', view.sort);
  if (view.descending) query.set('order', 'desc');
  return query.toString().replaceAll('%2C', ',');
}

export const isProgramListFiltered = (view: ProgramFilter): boolean =>
  view.text !== '' || view.owner !== null || view.types.length > 0;

/**
 * Returns the programs that match a filter. Every word of its text must occur in a program's name, type, tag, owner or
 * attach point, or equal the id.
 */
export function filterPrograms(programs: readonly BpfProgram[], view: ProgramFilter): BpfProgram[] {
  const words = view.text.toLowerCase().split(/\s+/).filter(Boolean);
  return programs.filter(
    (program) =>
      (view.owner === null || (program.owner.kind === 'podlane') === (view.owner === 'podlane')) &&
      (view.types.length === 0 || view.types.includes(program.type)) &&
      words.every((word) => matches(program, word)),
  );
}

function matches(program: BpfProgram, word: string): boolean {
  if (word === String(program.id)) return true;
  const texts = [
    ...[formatProgramName(program), program.name, program.type, program.tag, formatBpfOwner(program.owner)],
    ...program.pins,
    ...program.holders.map(({ name, pid }) => `${name} ${pid}`),
    ...program.attachments.map(({ hook, target, device }) => `${hook} ${target} ${device?.name ?? ''}`),
  ];
  return texts.some((text) => text.toLowerCase().includes(word));
}

export interface ProgramFacetCounts {
  podlane: number;
  foreign: number;
  types: [type: string, programs: number][];
}

/**
 * Counts the programs for each filter button, regardless of the current filter; the most frequent types come first.
 */
export function countProgramFacets(programs: readonly BpfProgram[]): ProgramFacetCounts {
  const types = new Map<string, number>();
  for (const { type } of programs) types.set(type, (types.get(type) ?? 0) + 1);
  const podlane = programs.filter(({ owner }) => owner.kind === 'podlane').length;
  return {
    podlane,
    foreign: programs.length - podlane,
    types: [...types].sort(([a, m], [b, n]) => n - m || a.localeCompare(b)),
  };
}
