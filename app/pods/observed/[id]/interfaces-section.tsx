import type { ObservedInterface, ObservedPod } from '../../../../contract/observed-pod.ts';
import { formatCount } from '../../../_lib/format.ts';
import { Detail, Nothing, Section } from './section.tsx';
import { formatCounting, formatInterfaceKind, formatNodeEnd, formatPackets, observedText } from './text.ts';

/** Lists the interfaces of an observed pod that lead out of its namespace, each with what is known of it. */
export function InterfacesSection({ pod }: { pod: ObservedPod }) {
  return (
    <Section title={observedText.interfaces}>
      {pod.interfaces.length === 0 && <Nothing>{observedText.noInterfaces}</Nothing>}
      {pod.interfaces.map((each) => (
        <InterfaceDetails key={each.ifindex} each={each} />
      ))}
    </Section>
  );
}

function InterfaceDetails({ each }: { each: ObservedInterface }) {
  const { counters, statistics, programs, netkit } = each;
  return (
    <section aria-label={each.name} className="pb-3">
      <h3 className="flex min-h-7 flex-wrap items-center gap-x-3 pt-1">
        <span className="code font-semibold">{each.name}</span>
        <span className="text-ink-2">{formatInterfaceKind(each)}</span>
        <span className="text-12 text-muted">
          {each.mac ?? ''} mtu {each.mtu}, {each.up ? 'up' : 'down'}
        </span>
      </h3>
      <dl className="text-12 leading-5">
        <Detail label={observedText.end}>
          <span className={each.hostEnd === null ? '' : 'code'}>{formatNodeEnd(each)}</span>
        </Detail>
        <Detail label={observedText.addresses}>
          <span className="code">{each.addresses.join(' ') || observedText.none}</span>
        </Detail>
        <Detail label={observedText.counting}>{formatCounting(each)}</Detail>
        {counters !== null && (
          <Detail label={observedText.packets}>
            {formatCount(counters.ingressPackets)} in, {formatCount(counters.egressPackets)} out
          </Detail>
        )}
        {netkit !== null && netkit.leasedQueues.length > 0 && (
          <Detail label="leased queues">
            {netkit.leasedQueues
              .map(({ queue, type, of }) => `${type ?? ''} ${queue} of ${of.interface} queue ${of.queue}`)
              .join(', ')}
          </Detail>
        )}
        {each.hostEnd !== null && (
          <Detail label={observedText.programs}>
            {programs.length === 0
              ? observedText.noPrograms
              : programs.map(({ hook, position, id, name, ours }) => (
                  <span key={`${hook} ${position}`} className="block">
                    <span className="text-muted">{hook}</span> <span className="code">{name}</span>{' '}
                    <span className="text-muted">{ours ? 'Podlane' : `program ${id}`}</span>
                  </span>
                ))}
          </Detail>
        )}
        {statistics !== null && (
          <Detail label={observedText.statistics}>
            {observedText.received} {formatPackets(statistics.received.packets)}, {observedText.sent}{' '}
            {formatPackets(statistics.sent.packets)}, {observedText.dropped}{' '}
            {formatCount(statistics.received.dropped + statistics.sent.dropped)}
          </Detail>
        )}
      </dl>
    </section>
  );
}
