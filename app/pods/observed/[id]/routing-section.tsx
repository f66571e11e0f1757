import type { ObservedPod } from '../../../../contract/observed-pod.ts';
import { Nothing, Section } from './section.tsx';
import { observedText } from './text.ts';

/** Lists the routes and neighbors of an observed pod. */
export function RoutingSection({ pod }: { pod: ObservedPod }) {
  const lines = [
    ...pod.routes.map(({ text }) => text),
    ...pod.neighbors.map(
      ({ address, mac, state, device }) => `${address} dev ${device} ${mac ?? ''} ${state}`,
    ),
  ];
  return (
    <Section title={observedText.routing}>
      {lines.length === 0 ? (
        <Nothing>{observedText.none}</Nothing>
      ) : (
        <ul className="py-1">
          {lines.map((line) => (
            <li key={line} className="code text-12 text-ink-2 leading-5 [overflow-wrap:anywhere]">
              {line}
            </li>
          ))}
        </ul>
      )}
    </Section>
  );
}
