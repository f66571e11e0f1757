import type { RuleSizes } from '../../../contract/rules.ts';
import { count, quantity } from '../../_lib/format.ts';

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
          className="flex h-6 items-center gap-1.5 border-line-1 border-b tabular-nums"
        >
          <dt className="min-w-0 flex-1 text-muted">{label}</dt>
          <dd>{count(sizes[key])}</dd>
          <dd className="whitespace-nowrap text-muted">of {quantity(limits[key])}</dd>
        </div>
      ))}
    </dl>
  );
}
