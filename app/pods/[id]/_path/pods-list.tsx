import Link from 'next/link';
import type { CSSProperties } from 'react';
import { KindGlyph } from '../../../_components/kind.tsx';
import { scaled } from '../../../_lib/format.ts';
import { splitName } from '../../../_lib/pod-queries.ts';
import css from './path.module.css';
import type { PathPod } from './path-view.ts';

/** Pods listed by name; the rest is one line. */
const listed = 4;

/** Lines the list takes. */
export const otherPodsRows = (pods: readonly PathPod[]): number =>
  Math.max(1, Math.min(pods.length, listed) + (pods.length > listed ? 1 : 0));

/** The other pods of the node, the busiest first, with the rates of their own counters. */
export function OtherPodsList({ pods, style }: { pods: readonly PathPod[]; style: CSSProperties }) {
  const rest = pods.length - listed;
  return (
    <div className={css.pods} style={style}>
      <div className={css.podsHead} title="All traffic of each pod, not only what it exchanges with this one">
        <b className="font-medium text-ink-2">Pods on this node</b>
        <span className="text-right">pps in</span>
        <span className="text-right">out</span>
      </div>
      {pods.slice(0, listed).map((pod) => (
        <PodRow key={pod.id} pod={pod} />
      ))}
      {rest > 0 && (
        <div className="h-5 leading-5 text-muted">{rest === 1 ? '1 other' : `${rest} others`}</div>
      )}
      {pods.length === 0 && <div className="h-5 leading-5 text-muted">none but this one</div>}
    </div>
  );
}

function PodRow({ pod }: { pod: PathPod }) {
  const [own, generated] = splitName(pod.name);
  return (
    <Link
      className={css.pod}
      href={`/pods/${encodeURIComponent(pod.id)}`}
      title={`${pod.namespace}/${pod.name}`}
    >
      <span className="flex min-w-0 items-center gap-1.5">
        <KindGlyph kind={pod.kind} />
        <span className="truncate">
          <b className="font-medium">{own}</b>
          <span className="text-muted">{generated}</span>
        </span>
      </span>
      <Cell value={pod.ingressPackets} />
      <Cell value={pod.egressPackets} />
    </Link>
  );
}

function Cell({ value }: { value: number | null }) {
  if (value === null)
    return (
      <span className="text-right text-muted" title="No sample of that pod yet">
        n/a
      </span>
    );
  const { digits, prefix } = scaled(value);
  return (
    <span className={`text-right ${value === 0 ? 'text-muted' : ''}`}>
      {digits}
      <span className="inline-block w-3.5 pl-[3px] text-left text-muted">{prefix}</span>
    </span>
  );
}
