import Link from 'next/link';
import { formatCount } from '../../_lib/format.ts';
import { rulesText } from '../text.ts';

/** Lists links to pods by name; `all` is the total number of pods if the list is shortened. */
export function PodLinkList({
  pods,
  all = pods.length,
  none,
}: {
  pods: readonly { id: string; namespace: string; name: string }[];
  all?: number;
  /** Text to show if there are no pods. */
  none: string;
}) {
  if (pods.length === 0) return <span className="text-muted">{none}</span>;
  return (
    <span className="flex flex-wrap gap-x-3 gap-y-0.5">
      {pods.map(({ id, namespace, name }) => (
        <Link key={id} href={`/pods/${namespace}.${name}`} prefetch={false} className="link">
          {namespace}.{name}
        </Link>
      ))}
      {all > pods.length && (
        <span className="text-muted">{rulesText.andMorePods(formatCount(all - pods.length))}</span>
      )}
    </span>
  );
}
