import { Ban, Check, CircleMinus, CircleQuestionMark, PencilLine } from 'lucide-react';
import { type RefObject, useId } from 'react';
import type { MigrationItem } from '../../../../contract/migration.ts';
import { formatAcceptLabel, formatItemCounts, itemEndLabels, migrationText, orderByOutcome } from './text.ts';
import type { AcceptedItems } from './use-accepted-items.ts';

interface Props {
  items: readonly MigrationItem[];
  acceptance: AcceptedItems;
  checkbox: RefObject<HTMLInputElement | null>;
  /** Starts the migration; called on Enter in the checked box. */
  onConfirm: () => void;
}

/** Lists what will not be on the new device as it is now, by the end of the device, with a box that accepts it. */
export function NotCarriedSection({ items, acceptance, checkbox, onConfirm }: Props) {
  return (
    <section aria-labelledby="not-carried" className="border-line-1 border-b px-6 py-2 max-md:px-4">
      <div className="flex h-7 items-center gap-3">
        <h3 id="not-carried" className="font-semibold">
          {migrationText.notCarried}
        </h3>
        <span className="truncate text-12 text-muted">{formatItemCounts(items)}</span>
      </div>
      {items.length === 0 ? (
        <p className="flex items-start gap-1.5 py-[3px] text-12">
          <Check aria-hidden="true" className="mt-px size-3.5 flex-none text-accent-text" strokeWidth={2.4} />
          {migrationText.allCarried}
        </p>
      ) : (
        (['pod', 'host'] as const).map((end) => (
          <ItemGroup key={end} end={end} items={items.filter((item) => item.end === end)} />
        ))
      )}
      {acceptance.required.length > 0 && (
        <label className="flex min-h-8 cursor-pointer items-center gap-2.5 pt-1">
          <input
            ref={checkbox}
            type="checkbox"
            className="size-4 accent-accent"
            checked={acceptance.complete}
            onChange={({ target }) => acceptance.choose(target.checked)}
            onKeyDown={({ key }) => key === 'Enter' && acceptance.complete && onConfirm()}
          />
          {formatAcceptLabel(acceptance.required.length)}
        </label>
      )}
    </section>
  );
}

function ItemGroup({ end, items }: { end: MigrationItem['end']; items: readonly MigrationItem[] }) {
  const id = useId();
  if (items.length === 0) return null;
  return (
    <>
      <h4 id={id} className="border-line-1 border-b pt-1 pb-0.5 text-12 text-muted">
        {itemEndLabels[end]}
      </h4>
      <ul aria-labelledby={id}>
        {orderByOutcome(items).map((item) => (
          <ItemLine key={`${item.id} ${item.name}`} item={item} />
        ))}
      </ul>
    </>
  );
}

const look = {
  refused: { Icon: Ban, tone: 'font-semibold text-signal-text' },
  lost: { Icon: CircleMinus, tone: 'font-[550] text-signal-text' },
  changed: { Icon: PencilLine, tone: 'font-[550]' },
  unknown: { Icon: CircleQuestionMark, tone: 'text-muted' },
} as const;

function ItemLine({ item: { kind, name, outcome, becomes } }: { item: MigrationItem }) {
  const { Icon, tone } = look[outcome];
  return (
    <li className="grid grid-cols-[16px_60px_140px_minmax(0,1fr)] gap-x-2 border-line-1 border-b py-1 text-12 max-md:grid-cols-[16px_60px_minmax(0,1fr)]">
      <Icon aria-hidden="true" className={`mt-px size-3.5 ${tone}`} strokeWidth={1.8} />
      <span className={tone}>{outcome}</span>
      <span>{kind}</span>
      <span className="min-w-0 max-md:col-span-2 max-md:col-start-2">
        <code className="code block [overflow-wrap:anywhere]">{name}</code>
        <span className="block text-ink-2 [overflow-wrap:anywhere]">{becomes}</span>
      </span>
    </li>
  );
}
