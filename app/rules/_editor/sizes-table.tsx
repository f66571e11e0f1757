import type { RuleSizes } from '../../../contract/rules.ts';
import { count, percent } from '../../_lib/format.ts';

const tables: readonly { key: keyof RuleSizes; label: string; title: string }[] = [
  { key: 'rules', label: 'rules', title: 'As they are written' },
  { key: 'prefixes', label: 'prefixes', title: 'Address ranges of the peers, after overlaps are resolved' },
  { key: 'identities', label: 'identities', title: 'Kinds of addresses: all in the same rules’ peers' },
  { key: 'policies', label: 'policies', title: 'Different lists of rules that pods have' },
  { key: 'assignments', label: 'assignments', title: 'Rows that policies have for identities' },
  { key: 'rows', label: 'rows', title: 'Different sets of verdicts' },
  { key: 'entries', label: 'entries', title: 'Verdicts by protocol and port prefix, of all rows' },
];

/** What the kernel's tables hold, and of how much they can. */
export function SizesTable({ sizes, limits }: { sizes: RuleSizes; limits: RuleSizes }) {
  return (
    <dl className="grid grid-cols-2 gap-x-6 text-12">
      {tables.map(({ key, label, title }) => (
        <div
          key={key}
          title={`${title}; at most ${count(limits[key])}`}
          className="grid h-6 grid-cols-[minmax(0,1fr)_auto_48px] items-center gap-2 border-line-1 border-b"
        >
          <dt className="text-muted">{label}</dt>
          <dd className="tabular-nums">{count(sizes[key])}</dd>
          <dd className="text-right text-muted tabular-nums">
            {percent(sizes[key] / limits[key])} %<span className="sr-only"> of what there is room for</span>
          </dd>
        </div>
      ))}
    </dl>
  );
}
