import Link from 'next/link';
import type { CSSProperties } from 'react';
import { DeviceKindIcon } from '../../../_components/device-kind.tsx';
import { scaleToSiPrefix } from '../../../_lib/format.ts';
import { splitGeneratedSuffix } from '../../../_lib/pod-queries.ts';
import css from './path.module.css';
import type { OtherPodRates } from './path-diagram-types.ts';
import { formatOtherPodsLabel, pathText } from './text.ts';

/** Maximum number of other pods listed by name; one more line stands for the rest. */
const maxListed = 4;

/** Returns the number of lines in the list of other pods. */
export const countOtherPodsRows = (pods: readonly OtherPodRates[]): number =>
  Math.max(1, Math.min(pods.length, maxListed) + (pods.length > maxListed ? 1 : 0));

/** Lists the node's other pods, busiest first, each with the rates of all its traffic. */
export function OtherPodsList({ pods, style }: { pods: readonly OtherPodRates[]; style: CSSProperties }) {
  const rest = pods.length - maxListed;
  return (
    <div className={css.pods} style={style}>
      <div className={css.podsHead} title={pathText.otherPodsListDetail}>
        <b className="font-medium text-ink-2">{pathText.otherPods}</b>
        <span className="text-right">{pathText.ingressPps}</span>
        <span className="text-right">{pathText.egress}</span>
      </div>
      {pods.slice(0, maxListed).map((pod) => (
        <PodRow key={pod.id} pod={pod} />
      ))}
      {rest > 0 && <div className="h-5 leading-5 text-muted">{formatOtherPodsLabel(rest)}</div>}
      {pods.length === 0 && <div className="h-5 leading-5 text-muted">{pathText.noOtherPods}</div>}
    </div>
  );
}

function PodRow({ pod }: { pod: OtherPodRates }) {
  const [own, generated] = splitGeneratedSuffix(pod.name);
  return (
    <Link
      className={css.pod}
      href={`/pods/${encodeURIComponent(pod.id)}`}
      title={`${pod.namespace}/${pod.name}`}
    >
      <span className="flex min-w-0 items-center gap-1.5">
        <DeviceKindIcon kind={pod.kind} />
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
      <span className="text-right text-muted" title={pathText.noSampleOfPod}>
        {pathText.unknown}
      </span>
    );
  const { digits, prefix } = scaleToSiPrefix(value);
  return (
    <span className={`text-right ${value === 0 ? 'text-muted' : ''}`}>
      {digits}
      <span className="inline-block w-3.5 pl-[3px] text-left text-muted">{prefix}</span>
    </span>
  );
}
