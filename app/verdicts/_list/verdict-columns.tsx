import type { PacketEndpoint, Verdict } from '../../../contract/verdict.ts';
import { DirectionLabel } from '../../_components/direction-label.tsx';
import { NotAvailableNumber } from '../../_components/number-display.tsx';
import type { TableColumn } from '../../_components/table/table-column.ts';
import { VerdictLabel } from '../../_components/verdict-label.tsx';
import { formatCount } from '../../_lib/format.ts';
import {
  formatClockTimeWithMilliseconds,
  formatEndpointOwner,
  formatPacketEndpoint,
  formatPacketFlow,
  formatPacketProtocol,
} from '../../_lib/packet-labels.ts';
import { verdictsText } from '../text.ts';

/** Creates the columns of a list of verdicts. @param open opens the sheet of a verdict */
export const createVerdictColumns = (open: (verdict: Verdict) => void): readonly TableColumn<Verdict>[] => [
  {
    key: 'time',
    label: verdictsText.time,
    width: 'w-32 max-md:w-31',
    head: true,
    cell: (verdict) => (
      <button
        type="button"
        data-row-link
        onClick={() => open(verdict)}
        className="text-ink-2 tabular-nums after:absolute after:inset-0 focus-visible:outline-none"
      >
        {formatClockTimeWithMilliseconds(verdict.time)}
      </button>
    ),
  },
  {
    key: 'kind',
    label: verdictsText.verdict,
    width: 'w-28',
    cell: ({ kind }) => <VerdictLabel kind={kind} />,
  },
  {
    key: 'direction',
    label: verdictsText.direction,
    title: verdictsText.directionTitle,
    width: 'w-24',
    from: 'max-xl:hidden',
    cell: ({ direction }) => <DirectionLabel direction={direction} />,
  },
  {
    key: 'source',
    label: verdictsText.sourceColumn,
    from: 'max-lg:hidden',
    cell: ({ source }) => <EndpointCell end={source} />,
  },
  {
    key: 'destination',
    label: verdictsText.destinationColumn,
    from: 'max-lg:hidden',
    cell: ({ destination }) => <EndpointCell end={destination} />,
  },
  {
    key: 'flow',
    label: verdictsText.flowColumn,
    from: 'lg:hidden',
    cell: (verdict) => (
      <span className="code text-11" title={formatPacketFlow(verdict)}>
        {formatPacketFlow(verdict, (end) => end.pod?.name ?? end.cluster?.name ?? formatPacketEndpoint(end))}
      </span>
    ),
  },
  {
    key: 'protocol',
    label: verdictsText.protocol,
    title: verdictsText.protocolTitle,
    width: 'w-28',
    from: 'max-lg:hidden',
    cell: (verdict) => <span className="text-ink-2">{formatPacketProtocol(verdict)}</span>,
  },
  {
    key: 'rule',
    label: verdictsText.ruleColumn,
    width: 'w-64 max-xl:w-44',
    from: 'max-md:hidden',
    cell: (verdict) => <VerdictReason verdict={verdict} />,
  },
  {
    key: 'length',
    label: verdictsText.bytes,
    width: 'w-18',
    from: 'max-xl:hidden',
    align: 'right',
    cell: ({ length }) => <span className="text-ink-2 tabular-nums">{formatCount(length)}</span>,
  },
];

/** Shows a packet's source or destination: address, port and, if it is a pod or a service, its name. */
function EndpointCell({ end }: { end: PacketEndpoint }) {
  const words = formatPacketEndpoint(end);
  const owner = formatEndpointOwner(end);
  return (
    <span className="flex items-baseline gap-2" title={owner === null ? words : `${owner} ${words}`}>
      {owner !== null && (
        <b className="min-w-0 flex-none truncate font-[550]">{end.pod?.name ?? end.cluster?.name}</b>
      )}
      <span className={`code min-w-0 truncate ${owner === null ? '' : 'text-muted'}`}>{words}</span>
    </span>
  );
}

/** Shows the rule that decided a verdict, or otherwise the default action or the drop reason. */
export function VerdictReason({ verdict: { rule, reason, kind } }: { verdict: Verdict }) {
  if (rule !== null) return <span className="font-[550]">{rule}</span>;
  if (reason !== null && reason !== 'denied') return <span className="code text-ink-2">{reason}</span>;
  if (kind === 'logged') return <NotAvailableNumber reason={verdictsText.ruleUnknown} slot={false} />;
  return (
    <span className="text-ink-2">
      {kind === 'dropped' ? verdictsText.defaultAction : verdictsText.stagedDefaultAction}
    </span>
  );
}
