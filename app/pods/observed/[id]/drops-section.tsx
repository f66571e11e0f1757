import type { ObservedPod } from '../../../../contract/observed-pod.ts';
import { formatCount } from '../../../_lib/format.ts';
import { Detail, Nothing, Section } from './section.tsx';
import { observedText } from './text.ts';

/** Shows what the kernel dropped in the namespace of an observed pod, by reason. */
export function DropsSection({ pod: { drops } }: { pod: ObservedPod }) {
  return (
    <Section title={observedText.drops}>
      {!drops.available ? (
        <Nothing>{[drops.detail, drops.hint].filter((text) => text !== null).join('. ')}</Nothing>
      ) : drops.reasons.length === 0 ? (
        <Nothing>{observedText.noDrops}</Nothing>
      ) : (
        <dl className="text-12 leading-5">
          {drops.reasons.map(({ reason, packets }) => (
            <Detail key={reason} label={reason}>
              <span className="tabular-nums">{formatCount(packets)}</span>
            </Detail>
          ))}
        </dl>
      )}
    </Section>
  );
}
