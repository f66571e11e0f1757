'use client';

import {
  ArrowDownLeft,
  ArrowUpRight,
  Ban,
  Check,
  CircleHelp,
  Globe,
  LogOut,
  type LucideIcon,
} from 'lucide-react';
import { useMemo } from 'react';
import type { TraceNode, TraceSummary } from '../../../contract/trace.ts';
import { formatCount } from '../../_lib/format.ts';
import { formatPodName } from '../../_lib/packet-labels.ts';
import { useElementWidth } from '../../_lib/use-element-width.ts';
import { traceText } from '../text.ts';
import { isPacketLossNode, layoutTraceGraph } from './trace-graph-layout.ts';

const icons: Record<TraceNode['where'], LucideIcon> = {
  outside: Globe,
  'from-pod': ArrowUpRight,
  'to-pod': ArrowDownLeft,
  kernel: Ban,
  delivered: Check,
  dropped: Ban,
  left: LogOut,
  unknown: CircleHelp,
};
const words: Record<TraceNode['where'], string> = {
  outside: traceText.fromOutside,
  'from-pod': traceText.fromPod,
  'to-pod': traceText.toPod,
  kernel: traceText.droppedByKernel,
  delivered: traceText.delivered,
  dropped: traceText.dropped,
  left: traceText.leftNode,
  unknown: traceText.notSeenAgain,
};
const byWords = { redirect: traceText.redirected, stack: traceText.hostStack } as const;
/** Minimum width in px for the diagram; narrower windows show a list. */
const drawnFrom = 640;
/** Distance between a label and its edge in px. */
const above = 11;

/** Draws the paths of traced packets from left to right, with the number of packets on each edge. */
export function TraceGraphDiagram({ path }: { path: TraceSummary['path'] }) {
  const [ref, width] = useElementWidth<HTMLDivElement>();
  const drawing = useMemo(
    () => (width < drawnFrom ? null : layoutTraceGraph(path.nodes, path.edges, width)),
    [path, width],
  );
  return (
    <div
      ref={ref}
      className="-my-3 min-w-0 overflow-x-auto py-3"
      tabIndex={drawing !== null && drawing.width > width ? 0 : undefined}
    >
      {drawing === null ? (
        <EdgeList path={path} />
      ) : (
        <div className="relative" style={{ width: drawing.width, height: drawing.height }}>
          <svg
            aria-hidden="true"
            width={drawing.width}
            height={drawing.height}
            className="absolute inset-0 overflow-visible"
          >
            {drawing.lines.map(({ key, path: d, stroke, lost }) => (
              <path
                key={key}
                d={d}
                fill="none"
                strokeWidth={stroke}
                strokeDasharray={lost ? '4 4' : undefined}
                className={lost ? 'stroke-signal' : 'stroke-line-control'}
              />
            ))}
          </svg>
          {drawing.places.map(({ x, y, width: w, height, ...node }) => (
            <NodeBox key={node.id} node={node} style={{ left: x, top: y, width: w, height }} />
          ))}
          <ul>
            {drawing.lines.map(({ key, at, packets, by, from, to }) => (
              <li
                key={key}
                className="absolute -translate-x-1/2 -translate-y-1/2 whitespace-nowrap rounded-1 bg-surface-0 px-1 text-11 tabular-nums"
                style={{ left: at.x, top: at.y - (by === null ? 0 : above * (by === 'redirect' ? 1 : -1)) }}
              >
                <span className="sr-only">
                  {labelOf(path.nodes, from)} to {labelOf(path.nodes, to)}:{' '}
                </span>
                <b className="font-[550]">{formatCount(packets)}</b>
                {by !== null && <span className="text-muted"> {byWords[by]}</span>}
              </li>
            ))}
          </ul>
        </div>
      )}
    </div>
  );
}

const labelOf = (nodes: readonly TraceNode[], id: string): string =>
  nodes.find((node) => node.id === id)?.label ?? id;

/** Returns the heading and name of a node of the trace diagram, e.g. `from pod, tcx/ingress` and the pod's name. */
function placeWords({ where, pod, label }: TraceNode): [head: string, name: string] {
  const seen = where === 'from-pod' || where === 'to-pod';
  if (seen && pod !== null) return [`${words[where]}, ${label.split(' ').at(-1)}`, formatPodName(pod)];
  if (where === 'delivered' && pod !== null) return [words[where], formatPodName(pod)];
  if (where === 'dropped') return [words[where], label.replace(/^dropped:? /, '')];
  return [words[where], label];
}

function NodeBox({ node, style }: { node: TraceNode; style?: React.CSSProperties }) {
  const Icon = icons[node.where];
  const loss = isPacketLossNode(node.where);
  const [head, name] = placeWords(node);
  return (
    <div
      style={style}
      title={`${head}: ${name}`}
      className={`flex items-center gap-2 rounded-2 border px-2 ${style === undefined ? 'min-h-10' : 'absolute'} ${loss ? 'border-signal bg-signal-wash' : 'border-line-2 bg-surface-1'}`}
    >
      <Icon
        aria-hidden="true"
        className={`size-3.5 ${loss ? 'text-signal' : node.where === 'delivered' ? 'text-accent' : 'text-muted'}`}
        strokeWidth={1.8}
      />
      <span className="min-w-0">
        <span className={`block truncate text-11 ${loss ? 'text-signal-text' : 'text-muted'}`}>{head}</span>
        <span className="block truncate font-[550] text-12">{name}</span>
      </span>
    </div>
  );
}

/** Lists the edges of the traced paths, for narrow windows. */
function EdgeList({ path }: { path: TraceSummary['path'] }) {
  const placeOf = (id: string) => path.nodes.find((node) => node.id === id);
  return (
    <ol className="grid gap-3">
      {path.edges.map(({ from, to, by, packets }) => {
        const [start, end] = [placeOf(from), placeOf(to)];
        if (start === undefined || end === undefined) return null;
        return (
          <li key={`${from} ${to} ${by}`} className="grid gap-1">
            <NodeBox node={start} />
            <span className="pl-3 text-12 text-ink-2 tabular-nums">
              ↓ <b className="font-[550]">{formatCount(packets)}</b> {packets === 1 ? 'packet' : 'packets'}
              {by !== null && <span className="text-muted"> {byWords[by]}</span>}
            </span>
            <NodeBox node={end} />
          </li>
        );
      })}
    </ol>
  );
}
