'use client';

import Link from 'next/link';
import { useRouter } from 'next/navigation';
import type { RuleView } from '../../../contract/rules.ts';
import { ActionMark } from '../../_components/action-mark.tsx';
import { Button } from '../../_components/button.tsx';
import { CopyButton } from '../../_components/copy-button.tsx';
import { DirectionMark } from '../../_components/direction-mark.tsx';
import { ErrorState } from '../../_components/error-state.tsx';
import { Fact, Facts } from '../../_components/fact.tsx';
import { SiNumber } from '../../_components/number.tsx';
import { Sheet } from '../../_components/sheet.tsx';
import { SheetSkeleton } from '../../_components/sheet-skeleton.tsx';
import { WarningSign } from '../../_components/warning-sign.tsx';
import { count } from '../../_lib/format.ts';
import { useRuleView } from '../../_lib/rule-queries.ts';
import { sharedText } from '../../_text/shared.ts';
import { peersLabel, rulePortsLabel, subjectLabel } from '../rule-labels.ts';
import { rulesText } from '../text.ts';
import { PodLinks } from './pod-links.tsx';
import { RuleEntriesTable } from './rule-entries-table.tsx';

/** Sheet of an active rule: its terms, pods, peers and entries with counts. */
export function RuleSheet({ name }: { name: string | null }) {
  const router = useRouter();
  const { data, error, refetch } = useRuleView(name);
  if (name === null) return null;
  return (
    <Sheet
      open
      onOpenChange={(open) => !open && router.push(withoutRule(), { scroll: false })}
      title={name}
      description={rulesText.ruleSheetDescription}
      head={data && <ActionMark action={data.rule.action} />}
      footer={data && <RuleSheetFooter view={data} />}
    >
      {data !== undefined ? (
        <RuleDetails view={data} />
      ) : error !== null ? (
        <div className="p-6 max-md:p-4">
          <ErrorState error={error} retry={() => void refetch()} />
        </div>
      ) : (
        <SheetSkeleton lines={6} />
      )}
    </Sheet>
  );
}

function withoutRule(): string {
  const query = new URLSearchParams(location.search);
  query.delete('rule');
  return query.size === 0 ? '/rules' : `/rules?${query}`;
}

function RuleDetails({ view }: { view: RuleView }) {
  const { rule, pods, peers, peerCount, entries, entryCount, packets, warning } = view;
  return (
    <div className="grid gap-5 p-6 max-md:p-4">
      <div className="grid gap-2">
        <Facts>
          <Fact label={rulesText.direction}>
            <DirectionMark direction={rule.direction} />
          </Fact>
          <Fact label={rulesText.pods}>{subjectLabel(rule.subject)}</Fact>
          <Fact label={rulesText.peersFact}>{peersLabel(rule.peers)}</Fact>
          <Fact label={rulesText.protocol}>
            <span className="code">{rulePortsLabel(rule)}</span>
          </Fact>
          <Fact label={rulesText.priority}>{rule.priority}</Fact>
          <Fact label={rulesText.packets} title={rulesText.packetsTitle}>
            <SiNumber value={packets ?? Number.NaN} slot={false} unknown={rulesText.noCounter} />
          </Fact>
        </Facts>
        {warning !== null && (
          <p className="flex items-start gap-1.5 text-12 text-ink-2">
            <WarningSign className="mt-px size-3.5" /> {warning}
          </p>
        )}
      </div>
      <section>
        <h3 className="font-semibold">
          {rulesText.appliesToTitle}{' '}
          <span className="font-normal text-12 text-muted">{podsWord(pods.length)}</span>
        </h3>
        <div className="mt-1 border-line-2 border-t pt-1.5 text-12">
          <PodLinks pods={pods} none={rulesText.noPods} />
        </div>
      </section>
      {peers.length > 0 && (
        <section>
          <h3 className="font-semibold">
            {rulesText.peerAddresses}{' '}
            <span className="font-normal text-12 text-muted">{count(peerCount)}</span>
          </h3>
          <p className="code mt-1 break-words border-line-2 border-t pt-1.5 text-12 text-ink-2">
            {peers.join(', ')}
            {peerCount > peers.length && rulesText.andMore(count(peerCount - peers.length))}
          </p>
        </section>
      )}
      <section>
        <h3 className="font-semibold">
          {rulesText.entriesTitle} <span className="font-normal text-12 text-muted">{count(entryCount)}</span>
        </h3>
        <div className="mt-1 border-line-2 border-t">
          {entryCount === 0 ? (
            <p className="pt-1.5 text-12 text-ink-2">{rulesText.noEntriesReason}</p>
          ) : (
            <RuleEntriesTable entries={entries} total={entryCount} />
          )}
        </div>
      </section>
    </div>
  );
}

const podsWord = (pods: number): string => (pods === 1 ? rulesText.onePod : rulesText.podCount(count(pods)));

function RuleSheetFooter({ view: { rule } }: { view: RuleView }) {
  const name = encodeURIComponent(rule.name);
  return (
    <>
      <Button asChild look="primary">
        <Link href={`/rules/editor?rule=${name}`}>{sharedText.edit}</Link>
      </Button>
      <Button asChild>
        <Link href={`/verdicts?rule=${name}`}>{rulesText.verdictsForRule}</Link>
      </Button>
      <Button asChild>
        <Link href={`/rules/entries?rule=${name}`}>{rulesText.allEntries}</Link>
      </Button>
      <span className="flex-1" />
      <CopyButton text={`${location.origin}/rules?rule=${name}`} what={rulesText.copyRuleLink} />
    </>
  );
}
