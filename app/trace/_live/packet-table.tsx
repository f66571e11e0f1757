'use client';

import { Ban, Check, ChevronDown, ChevronRight, CircleHelp, LogOut, type LucideIcon } from 'lucide-react';
import Link from 'next/link';
import { useMemo, useState } from 'react';
import type { TraceOutcome, TracePacket, TracePoint } from '../../../contract/trace.ts';
import { Button } from '../../_components/button.tsx';
import { CopyButton } from '../../_components/copy-button.tsx';
import { DataTable } from '../../_components/table/data-table.tsx';
import type { TableColumn } from '../../_components/table/table-column.ts';
import { formatCount } from '../../_lib/format.ts';
import {
  buildPolicyLookupHref,
  formatClockTimeWithMilliseconds,
  formatEndpointOwner,
  formatPacketEndpoint,
  formatPacketProtocol,
} from '../../_lib/packet-labels.ts';
import { traceText } from '../text.ts';
import {
  buildTraceRows,
  formatMicroseconds,
  formatTracePointLocation,
  formatTracePointVerdict,
  type TraceRow,
} from './trace-rows.ts';

/** Table of traced packets with a row for each observation. */
export function TracePacketTable({ packets }: { packets: readonly TracePacket[] }) {
  const [all, setAll] = useState(true);
  /** Numbers of the packets whose open state differs from `all`. */
  const [others, setOthers] = useState<ReadonlySet<number>>(new Set());
  const lines = useMemo(
    () => buildTraceRows(packets, (number) => others.has(number) !== all),
    [packets, others, all],
  );
  const columns = useMemo(() => {
    const toggle = (number: number) =>
      setOthers((known) =>
        known.has(number) ? new Set([...known].filter((n) => n !== number)) : new Set([...known, number]),
      );
    return columnsOf(toggle, (number) => others.has(number) !== all);
  }, [others, all]);
  const set = (open: boolean) => {
    setAll(open);
    setOthers(new Set());
  };
  return (
    <section aria-labelledby="packets">
      <div className="flex min-h-11 items-center gap-3 px-(--gutter)">
        <h2 id="packets" className="font-semibold">
          {traceText.packetsText}
        </h2>
        <span className="text-12 text-muted tabular-nums">{formatCount(packets.length)}</span>
        <span className="flex-1" />
        <Button size="small" onClick={() => set(!all)}>
          {all ? traceText.packetsOnly : traceText.allObservations}
        </Button>
        <CopyButton text={JSON.stringify(packets, null, 1)} what={traceText.copyPackets} />
      </div>
      <DataTable
        label={traceText.packetsTable}
        columns={columns}
        rows={lines}
        rowKey={({ key }) => key}
        tone={({ kind }) => (kind === 'packet' ? 'bg-surface-1' : '')}
      />
    </section>
  );
}

const outcomes: Record<TraceOutcome, { Icon: LucideIcon; word: string; lost?: true }> = {
  delivered: { Icon: Check, word: traceText.delivered },
  dropped: { Icon: Ban, word: traceText.dropped, lost: true },
  lost: { Icon: Ban, word: traceText.droppedByKernel, lost: true },
  left: { Icon: LogOut, word: traceText.leftNode },
  unknown: { Icon: CircleHelp, word: traceText.outcomeUnknown },
};

function columnsOf(
  toggle: (number: number) => void,
  isOpen: (number: number) => boolean,
): readonly TableColumn<TraceRow>[] {
  return [
    {
      key: 'time',
      label: traceText.time,
      width: 'w-36 max-md:w-30',
      cell: (line) => {
        if (line.kind === 'point')
          return (
            <span
              className="block text-right text-12 text-muted tabular-nums"
              title={traceText.sinceFirstTitle}
            >
              +{formatMicroseconds(line.point.sinceUs)}
            </span>
          );
        const open = isOpen(line.packet.number);
        const Sign = open ? ChevronDown : ChevronRight;
        return (
          <button
            type="button"
            data-row-link
            aria-expanded={open}
            onClick={() => toggle(line.packet.number)}
            className="flex items-center gap-1 tabular-nums after:absolute after:inset-0 focus-visible:outline-none"
          >
            <Sign aria-hidden="true" className="size-3.5 text-muted" strokeWidth={1.8} />
            <span className="sr-only">{traceText.packetAt(line.packet.number)} </span>
            {formatClockTimeWithMilliseconds(line.packet.time)}
          </button>
        );
      },
    },
    {
      key: 'delta',
      label: traceText.stepColumn,
      title: traceText.stepColumnTitle,
      width: 'w-20',
      from: 'max-lg:hidden',
      align: 'right',
      cell: (line) =>
        line.kind === 'point' && line.point.deltaUs > 0 ? (
          <span className="text-12 text-ink-2 tabular-nums">{formatMicroseconds(line.point.deltaUs)}</span>
        ) : null,
    },
    {
      key: 'where',
      label: traceText.packetColumn,
      head: true,
      cell: (line) =>
        line.kind === 'point' ? (
          <span className="text-12 text-ink-2" title={formatTracePointLocation(line.point)}>
            {formatTracePointLocation(line.point)}
          </span>
        ) : (
          <span
            className="code"
            title={[line.packet.source, line.packet.destination]
              .map((end) => `${formatEndpointOwner(end) ?? ''} ${formatPacketEndpoint(end)}`.trim())
              .join(' → ')}
          >
            {formatPacketEndpoint(line.packet.source)} → {formatPacketEndpoint(line.packet.destination)}
          </span>
        ),
    },
    {
      key: 'protocol',
      label: traceText.protocolLabel,
      width: 'w-28',
      from: 'max-md:hidden',
      cell: (line) =>
        line.kind === 'packet' ? (
          <span className="text-ink-2">{formatPacketProtocol(line.packet)}</span>
        ) : null,
    },
    {
      key: 'length',
      label: traceText.bytes,
      width: 'w-18',
      from: 'max-lg:hidden',
      align: 'right',
      cell: (line) =>
        line.kind === 'packet' ? (
          <span className="text-ink-2 tabular-nums">{formatCount(line.packet.length)}</span>
        ) : null,
    },
    {
      key: 'verdict',
      label: traceText.outcomeColumn,
      width: 'w-[38%] max-md:w-32',
      cell: (line) =>
        line.kind === 'packet' ? (
          <Outcome packet={line.packet} />
        ) : (
          <Verdict point={line.point} packet={line.packet} />
        ),
    },
  ];
}

function Outcome({ packet: { outcome, sentence } }: { packet: TracePacket }) {
  const { Icon, word, lost } = outcomes[outcome];
  return (
    <span className="flex items-center gap-1.5" title={sentence}>
      <Icon
        aria-hidden="true"
        className={`size-3.5 ${lost ? 'text-signal' : 'text-muted'}`}
        strokeWidth={1.8}
      />
      <span className={lost ? 'font-[550] text-signal-text' : 'font-[550]'}>{word}</span>
      <span className="min-w-0 truncate text-12 text-ink-2 max-md:hidden">{sentence}</span>
    </span>
  );
}

function Verdict({ point, packet }: { point: TracePoint; packet: TracePacket }) {
  const { verdict, reason, rule, where } = point;
  if (verdict !== 'dropped')
    return <span className="text-12 text-ink-2">{formatTracePointVerdict(point)}</span>;
  return (
    <span className="flex items-baseline gap-2 text-12">
      <span className="text-signal-text">{traceText.dropped}</span>
      <span className="code truncate">{reason}</span>
      {where !== 'kernel' && reason === 'denied' && (
        <Link
          href={
            rule === null
              ? buildPolicyLookupHref(packet, 'active')
              : `/rules?rule=${encodeURIComponent(rule)}`
          }
          prefetch={false}
          className="link truncate"
        >
          {rule === null ? traceText.byDefault : traceText.byRule(rule)}
        </Link>
      )}
    </span>
  );
}
