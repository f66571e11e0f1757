import type { RuleSizes } from '../../../contract/rules.ts';
import { formatCount, formatQuantity } from '../../_lib/format.ts';
import { editorText } from './text.ts';

const tables: readonly { key: keyof RuleSizes; label: string; title: string }[] = [
  { key: 'rules', label: editorText.rulesCount, title: editorText.rulesCountTitle },
  { key: 'prefixes', label: editorText.prefixes, title: editorText.prefixesTitle },
  { key: 'identities', label: editorText.identities, title: editorText.identitiesTitle },
  { key: 'policies', label: editorText.policies, title: editorText.policiesTitle },
  { key: 'policyEntries', label: editorText.policyEntries, title: editorText.policyEntriesTitle },
  { key: 'entryLists', label: editorText.entryLists, title: editorText.entryListsTitle },
  { key: 'entries', label: editorText.entries, title: editorText.entriesTitle },
];

/** Table of the sizes and limits of the kernel's rule maps. */
export function RuleSizesTable({ sizes, limits }: { sizes: RuleSizes; limits: RuleSizes }) {
  return (
    <dl className="grid grid-cols-2 gap-x-6 text-12">
      {tables.map(({ key, label, title }) => (
        <div
          key={key}
          title={editorText.sizeTitle(title, formatCount(limits[key]))}
          className="flex h-6 items-center gap-1.5 border-line-1 border-b tabular-nums"
        >
          <dt className="min-w-0 flex-1 text-muted">{label}</dt>
          <dd>{formatCount(sizes[key])}</dd>
          <dd className="whitespace-nowrap text-muted">{editorText.ofLimit(formatQuantity(limits[key]))}</dd>
        </div>
      ))}
    </dl>
  );
}
