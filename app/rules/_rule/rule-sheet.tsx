'use client';

import Link from 'next/link';
import { useRouter } from 'next/navigation';
import type { RuleView } from '../../../contract/rules.ts';
import { Button } from '../../_components/button.tsx';
import { CopyButton } from '../../_components/copy-button.tsx';
import { DirectionLabel } from '../../_components/direction-label.tsx';
import { ErrorState } from '../../_components/error-state.tsx';
import { LabeledFact, LabeledFactList } from '../../_components/labeled-fact.tsx';
import { SiNumber } from '../../_components/number-display.tsx';
import { RuleActionLabel } from '../../_components/rule-action-label.tsx';
import { SheetSkeleton } from '../../_components/sheet-skeleton.tsx';
import { SideSheet } from '../../_components/side-sheet.tsx';
import { WarningIcon } from '../../_components/warning-icon.tsx';
import { formatCount } from '../../_lib/format.ts';
import { useRuleDetails } from '../../_lib/rule-queries.ts';
import { sharedText } from '../../_text/shared.ts';
import { formatRulePeers, formatRulePorts, formatRuleSubject } from '../rule-labels.ts';
import { rulesText } from '../text.ts';
import { PodLinkList } from './pod-links.tsx';
import { RuleEntriesTable } from './rule-entries-table.tsx';

/** Sheet of an active rule: its terms, pods, peers, and entries with their counts. */
export function RuleSheet({ name }: { name: string | null }) {
  const router = useRouter();
  const { data, error, refetch } = useRuleDetails(name);
  if (name === null) return null;
  return (
    <SideSheet
      open
      onOpenChange={(open) => !open && router.push(withoutRule(), { scroll: false })}
      title={name}
      description={rulesText.ruleSheetDescription}
      head={data && <RuleActionLabel action={data.rule.action} />}
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
    </SideSheet>
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
        <LabeledFactList>
          <LabeledFact label={rulesText.direction}>
            <DirectionLabel direction={rule.direction} />
          </LabeledFact>
          <LabeledFact label={rulesText.pods}>{formatRuleSubject(rule.subject)}</LabeledFact>
          <LabeledFact label={rulesText.peersFact}>{formatRulePeers(rule.peers)}</LabeledFact>
          <LabeledFact label={rulesText.protocol}>
            <span className="code">{formatRulePorts(rule)}</span>
          </LabeledFact>
          <LabeledFact label={rulesText.priority}>{rule.priority}</LabeledFact>
          <LabeledFact label={rulesText.packets} title={rulesText.packetsTitle}>
            <SiNumber value={packets ?? Number.NaN} slot={false} unknown={rulesText.noCounter} />
          </LabeledFact>
        </LabeledFactList>
        {view.source === 'kubernetes' && (
          <p className="text-12 text-ink-2">{rulesText.fromClusterPolicy(policyOf(rule.name))}</p>
        )}
        {warning !== null && (
          <p className="flex items-start gap-1.5 text-12 text-ink-2">
            <WarningIcon className="mt-px size-3.5" /> {warning}
          </p>
        )}
      </div>
      <section>
        <h3 className="font-semibold">
          {rulesText.appliesToTitle}{' '}
          <span className="font-normal text-12 text-muted">{podsWord(pods.length)}</span>
        </h3>
        <div className="mt-1 border-line-2 border-t pt-1.5 text-12">
          <PodLinkList pods={pods} none={rulesText.noPods} />
        </div>
      </section>
      {peers.length > 0 && (
        <section>
          <h3 className="font-semibold">
            {rulesText.peerAddresses}{' '}
            <span className="font-normal text-12 text-muted">{formatCount(peerCount)}</span>
          </h3>
          <p className="code mt-1 break-words border-line-2 border-t pt-1.5 text-12 text-ink-2">
            {peers.join(', ')}
            {peerCount > peers.length && rulesText.andMore(formatCount(peerCount - peers.length))}
          </p>
        </section>
      )}
      <section>
        <h3 className="font-semibold">
          {rulesText.entriesTitle}{' '}
          <span className="font-normal text-12 text-muted">{formatCount(entryCount)}</span>
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

const podsWord = (pods: number): string =>
  pods === 1 ? rulesText.onePod : rulesText.podCount(formatCount(pods));

/** Returns the policy that a rule of the cluster is made from: its names begin with `namespace/name`. */
const policyOf = (rule: string): string => rule.split(' ')[0] ?? rule;

function RuleSheetFooter({ view: { rule, source } }: { view: RuleView }) {
  const name = encodeURIComponent(rule.name);
  return (
    <>
      {source === 'text' && (
        <Button asChild look="primary">
          <Link href={`/rules/editor?rule=${name}`}>{sharedText.edit}</Link>
        </Button>
      )}
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
