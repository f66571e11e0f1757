import { parseCidr } from '../../contract/cidr.ts';
import type { VerdictFilter, VerdictKind } from '../../contract/verdict.ts';
import { verdictsText } from './text.ts';

/** Fields of the verdict filter as typed; the URL stores them. */
export interface VerdictFilterValues {
  pod: string;
  rule: string;
  address: string;
  port: string;
  verdict: VerdictKind | '';
}

export const emptyVerdictFilterValues: VerdictFilterValues = {
  pod: '',
  rule: '',
  address: '',
  port: '',
  verdict: '',
};
const kinds = ['dropped', 'logged', 'staged-deny', 'staged-allow'] as const;
const keys = ['pod', 'rule', 'address', 'port'] as const;

export function parseVerdictFilterValues(query: URLSearchParams): VerdictFilterValues {
  const view: VerdictFilterValues = {
    ...emptyVerdictFilterValues,
    verdict: kinds.find((kind) => kind === query.get('verdict')) ?? '',
  };
  for (const key of keys) view[key] = query.get(key) ?? '';
  return view;
}

export function buildVerdictPageQuery(view: VerdictFilterValues): string {
  const query = new URLSearchParams();
  for (const key of [...keys, 'verdict'] as const) if (view[key] !== '') query.set(key, view[key]);
  return query.toString();
}

export const isVerdictListFiltered = (view: VerdictFilterValues): boolean =>
  buildVerdictPageQuery(view) !== '';

/** Validates the verdict filter; returns the API's filter and the problems by field. */
export function validateVerdictFilter(view: VerdictFilterValues): {
  filter: VerdictFilter;
  problems: { address?: string; port?: string };
} {
  const filter: VerdictFilter = {};
  const problems: { address?: string; port?: string } = {};
  if (view.pod.trim() !== '') filter.pod = view.pod.trim();
  if (view.rule.trim() !== '') filter.rule = view.rule.trim();
  if (view.verdict !== '') filter.verdict = view.verdict;
  const address = view.address.trim();
  if (address !== '')
    try {
      parseCidr(address);
      filter.address = address;
    } catch {
      problems.address = verdictsText.addressProblem;
    }
  const port = view.port.trim();
  if (/^\d{1,5}$/.test(port) && Number(port) <= 65_535) filter.port = Number(port);
  else if (port !== '') problems.port = verdictsText.portProblem;
  return { filter, problems };
}
