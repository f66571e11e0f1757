'use client';

import { useState } from 'react';
import type { NatRule, ObservedPathHop } from '../../../../contract/observed-path.ts';
import type { ObservedPod } from '../../../../contract/observed-pod.ts';
import { ErrorState } from '../../../_components/error-state.tsx';
import { FacetButton } from '../../../_components/filter-field.tsx';
import { ValueSkeleton } from '../../../_components/skeleton.tsx';
import { WarningIcon } from '../../../_components/warning-icon.tsx';
import { useObservedPodPath } from '../../../_lib/observed-pod-queries.ts';
import { Nothing, Section } from './section.tsx';
import { formatPort, observedText } from './text.ts';

/** Shows the path of packets that leave an observed pod, hop by hop from the pod to the uplink. */
export function PathSection({ pod }: { pod: ObservedPod }) {
  const [chosen, choose] = useState<string | null>(null);
  const names = pod.interfaces.map(({ name }) => name);
  const name = chosen !== null && names.includes(chosen) ? chosen : (names[0] ?? null);
  const { data: path, error, refetch } = useObservedPodPath(pod.id, name);
  return (
    <Section
      title={observedText.path}
      aside={
        names.length > 1 && (
          // biome-ignore lint/a11y/useSemanticElements: a fieldset cannot be laid out in a row
          <span role="group" aria-label={observedText.choosePath} className="flex gap-1">
            {names.map((each) => (
              <FacetButton key={each} count={undefined} on={each === name} toggle={() => choose(each)}>
                <span className="code">{each}</span>
              </FacetButton>
            ))}
          </span>
        )
      }
    >
      {name === null ? (
        <Nothing>{observedText.noPath}</Nothing>
      ) : path !== undefined ? (
        <ol className="pt-1">
          {path.hops.map((hop) => (
            <Hop key={hop.type} hop={hop} />
          ))}
        </ol>
      ) : error !== null ? (
        <div className="pt-3">
          <ErrorState error={error} retry={() => void refetch()} />
        </div>
      ) : (
        <div className="grid gap-3 py-3" aria-busy="true">
          <p className="sr-only" role="status">
            {observedText.readingPath}
          </p>
          {['w-60', 'w-80', 'w-52'].map((width) => (
            <ValueSkeleton key={width} className={width} />
          ))}
        </div>
      )}
    </Section>
  );
}

function Hop({ hop }: { hop: ObservedPathHop }) {
  const { title, lines } = describe(hop);
  return (
    <li className="relative border-line-2 border-l pb-3 pl-4 before:absolute before:top-1.5 before:-left-1 before:size-2 before:rounded-full before:bg-ink-2 last:pb-0">
      <div className="flex flex-wrap items-baseline gap-x-2">
        <span className="font-[550]">{title}</span>
      </div>
      {lines.map((line) => (
        <div key={line} className="code text-12 text-ink-2 [overflow-wrap:anywhere]">
          {line}
        </div>
      ))}
      {hop.type === 'interface' && hop.elsewhere !== null && <Warning text={hop.elsewhere} />}
      {hop.type === 'host' && !hop.forwarding && <Warning text={observedText.forwardingOff} />}
    </li>
  );
}

const Warning = ({ text }: { text: string }) => (
  <p className="flex items-center gap-1.5 text-12 text-ink-2">
    <WarningIcon /> {text}
  </p>
);

function describe(hop: ObservedPathHop): { title: string; lines: string[] } {
  switch (hop.type) {
    case 'container':
      return {
        title: `${observedText.container} ${hop.name}`,
        lines: [`${hop.interface} ${hop.addresses.join(' ')}`, ...hop.routes, ...hop.neighbors],
      };
    case 'interface':
      return {
        title: `${hop.kind}${hop.mode === null ? '' : ` ${hop.mode.toUpperCase()}`}`,
        lines: [
          [hop.podEnd.name, hop.hostEnd?.name ?? hop.parent?.name].filter(Boolean).join(' ⇄ '),
          ...hop.programs.map(({ hook, name, ours }) => `${hook} ${name}${ours ? ' (Podlane)' : ''}`),
        ],
      };
    case 'bridge':
      return {
        title: `${observedText.bridge} ${hop.name}`,
        lines: [
          hop.addresses.join(' '),
          `${observedText.ports}: ${hop.ports.join(' ')}${hop.hairpin ? ', hairpin' : ''}`,
        ].filter((line) => line !== ''),
      };
    case 'host':
      return {
        title: observedText.host,
        lines: [
          ...(hop.routes.length > 0 ? hop.routes : [observedText.noRoutes]),
          ...hop.neighbors,
          ...hop.defaultRoutes,
        ],
      };
    case 'nat':
      return {
        title: observedText.nat,
        lines: [
          ...hop.published.map((port) => `${observedText.published} ${formatPort(port)}`),
          ...hop.rules.filter(({ action }) => action !== 'dnat').map(formatRule),
          ...(hop.rules.length === 0 ? [observedText.noTranslation] : []),
          ...hop.unread.map((what) => `${observedText.unread}: ${what}`),
        ],
      };
    case 'uplink':
      return { title: `${observedText.uplink} ${hop.name}`, lines: [hop.addresses.join(' ')] };
  }
}

/** Formats a rule: `masquerade 172.17.0.0/16, not to docker0 (nftables ip nat POSTROUTING)`. */
function formatRule({ action, source, to, protocol, port, conditions, place }: NatRule): string {
  const what = [
    action,
    source ?? 'any source',
    to?.address == null ? '' : `to ${to.address}`,
    protocol === null ? '' : `${protocol}${port === null ? '' : ` ${port}`}`,
  ].filter((part) => part !== '');
  return `${[what.join(' '), ...conditions].join(', ')} (${place})`;
}
