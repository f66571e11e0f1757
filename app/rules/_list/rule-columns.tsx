import Link from 'next/link';
import type { Rule } from '../../../contract/rule-set.ts';
import { DirectionLabel } from '../../_components/direction-label.tsx';
import { DropRateNumber, NotAvailableNumber, SiNumber } from '../../_components/number-display.tsx';
import { RuleActionLabel } from '../../_components/rule-action-label.tsx';
import type { TableColumn } from '../../_components/table/table-column.ts';
import { WarningIcon } from '../../_components/warning-icon.tsx';
import { formatRulePeers, formatRulePorts, formatRuleSubject } from '../rule-labels.ts';
import { rulesText } from '../text.ts';
import type { RulePacketCounts } from './rule-packet-counts.ts';

export interface RuleListRow {
  rule: Rule;
  /** Position of the rule in the evaluation order, from 1. */
  order: number;
  counts: RulePacketCounts | undefined;
  warning: string | undefined;
  /** True for a rule of a NetworkPolicy of the cluster. */
  ofCluster: boolean;
  /** URL that the row links to. */
  href: string;
}

const uncounted = rulesText.noRuleCounter;

export const ruleColumns: readonly TableColumn<RuleListRow>[] = [
  {
    key: 'place',
    label: '#',
    title: rulesText.orderColumnTitle,
    width: 'w-16 max-md:w-12',
    align: 'right',
    cell: ({ order: place }) => <span className="text-muted tabular-nums">{place}</span>,
  },
  {
    key: 'name',
    label: rulesText.ruleColumn,
    head: true,
    cell: ({ rule, warning, ofCluster, href }) => (
      <span className="flex items-center gap-2">
        <Link
          href={href}
          scroll={false}
          prefetch={false}
          data-row-link
          className="min-w-0 truncate font-[550] after:absolute after:inset-0 focus-visible:outline-none"
        >
          {rule.name}
        </Link>
        {ofCluster && (
          <span title={rulesText.ofClusterTitle} className="flex-none text-12 text-muted">
            {rulesText.ofCluster}
          </span>
        )}
        {warning !== undefined && (
          <span title={warning} className="relative z-[1] flex">
            <WarningIcon />
            <span className="sr-only">{warning}</span>
          </span>
        )}
      </span>
    ),
  },
  {
    key: 'action',
    label: rulesText.action,
    width: 'w-20',
    cell: ({ rule }) => <RuleActionLabel action={rule.action} />,
  },
  {
    key: 'direction',
    label: rulesText.direction,
    width: 'w-24',
    from: 'max-md:hidden',
    cell: ({ rule }) => <DirectionLabel direction={rule.direction} />,
  },
  {
    key: 'subject',
    label: rulesText.pods,
    title: rulesText.subjectColumnTitle,
    width: 'w-56',
    from: 'max-lg:hidden',
    cell: ({ rule }) => <RuleTerm text={formatRuleSubject(rule.subject)} />,
  },
  {
    key: 'peers',
    label: rulesText.peersColumn,
    width: 'w-56',
    from: 'max-lg:hidden',
    cell: ({ rule }) => <RuleTerm text={formatRulePeers(rule.peers)} muted={rule.peers.length === 0} />,
  },
  {
    key: 'protocol',
    label: rulesText.protocolPorts,
    width: 'w-36',
    from: 'max-md:hidden',
    cell: ({ rule }) => <RuleTerm text={formatRulePorts(rule)} muted={rule.protocol === 'any'} />,
  },
  {
    key: 'priority',
    label: rulesText.priority,
    width: 'w-18',
    from: 'max-xl:hidden',
    align: 'right',
    cell: ({ rule }) => <span className="text-ink-2 tabular-nums">{rule.priority}</span>,
  },
  {
    key: 'pods',
    label: rulesText.pods,
    title: rulesText.podCountTitle,
    width: 'w-16',
    from: 'max-xl:hidden',
    align: 'right',
    cell: ({ counts }) => (
      <SiNumber value={counts?.pods ?? Number.NaN} slot={false} unknown={rulesText.notLoaded} />
    ),
  },
  {
    key: 'entries',
    label: rulesText.entriesColumn,
    title: rulesText.entryCountTitle,
    width: 'w-18',
    from: 'max-xl:hidden',
    align: 'right',
    cell: ({ counts }) => (
      <SiNumber value={counts?.entries ?? Number.NaN} slot={false} unknown={rulesText.notLoaded} />
    ),
  },
  {
    key: 'packets',
    label: rulesText.packets,
    title: rulesText.rulePacketsTitle,
    width: 'w-22 max-md:w-18',
    align: 'slot',
    cell: ({ counts }) => <SiNumber value={counts?.packets ?? Number.NaN} unknown={uncounted} />,
  },
  {
    key: 'rate',
    label: '/s',
    title: rulesText.rateColumnTitle,
    width: 'w-16',
    from: 'max-md:hidden',
    align: 'right',
    cell: ({ rule, counts }) =>
      counts === undefined ? (
        <NotAvailableNumber reason={uncounted} slot={false} />
      ) : rule.action === 'deny' ? (
        <DropRateNumber value={counts.rate} />
      ) : (
        <SiNumber value={counts.rate} slot={false} />
      ),
  },
];

function RuleTerm({ text, muted = false }: { text: string; muted?: boolean }) {
  return (
    <span title={text} className={`code block truncate ${muted ? 'text-muted' : 'text-ink-2'}`}>
      {text}
    </span>
  );
}
