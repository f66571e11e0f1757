import { formatCount, formatQuantity } from '../../../_lib/format.ts';
import { findFallbackHookFamily } from './device-facts.ts';
import type { PathDiagramData } from './path-diagram-types.ts';
import { listHooksWithPrograms } from './path-hops.ts';
import { computeProgramRunRate } from './program-rates.ts';
import { isExactRate, type RateBounds } from './rates-by-path.ts';

const rate = (value: number | null | undefined, unit: string): string =>
  value === null || value === undefined || Number.isNaN(value) ? 'unknown' : formatQuantity(value, unit);

const bounded = (value: RateBounds | null, unit: string): string =>
  value === null || isExactRate(value)
    ? rate(value?.atMost, unit)
    : `between ${rate(value.atLeast, unit)} and ${rate(value.atMost, unit)}`;

/** Describes a pod's network path in sentences for screen readers, in the order of an egress packet. */
export function describePacketPath(view: PathDiagramData): string[] {
  const { container, device, host, uplink, rates, traffic } = view;
  const lines = [
    `Container ${container.name}: interface ${container.interface}, ifindex ${container.ifindex}, ` +
      `address ${container.addresses.join(', ') || 'none'}, MTU ${container.mtu}. ` +
      `Leaving ${rate(rates?.egressPackets, 'pps')}, entering ${rate(rates?.ingressPackets, 'pps')}.`,
  ];
  if (device === null) lines.push('Device: none in the kernel.');
  else {
    lines.push(
      `Device: ${device.kind}${device.mode === null ? '' : ` ${device.mode}`}, slot ${device.slot}, ` +
        `${findFallbackHookFamily(device) === null ? '' : `programs on ${findFallbackHookFamily(device)} of the primary (attach fallback), `}` +
        `peer ${device.peer.name} (ifindex ${device.peer.ifindex}) in the pod, ` +
        `primary ${device.primary.name} (ifindex ${device.primary.ifindex}) on the host.`,
    );
    for (const direction of ['egress', 'ingress'] as const)
      for (const { hook, programs } of listHooksWithPrograms(device, direction)) {
        if (programs.length === 0) lines.push(`Hook ${hook}, ${direction} packets: no program.`);
        for (const program of programs) {
          const ns = view.nsPerRun.get(program.id) ?? program.nsPerRun;
          const runs =
            program.ours && rates !== null
              ? rate(computeProgramRunRate(rates, direction), 'runs/s')
              : 'unknown runs/s';
          const dropped = direction === 'egress' ? rates?.egressDroppedPackets : rates?.ingressDroppedPackets;
          lines.push(
            `Hook ${hook}, ${direction} packets: program ${program.name}, id ${program.id}, ${runs} for this pod, ` +
              `${ns === null ? 'unknown' : formatCount(ns)} ns per run on the whole node, ` +
              `drops ${program.ours ? rate(dropped, '/s') : 'unknown'}.`,
          );
        }
      }
  }
  if (device !== null)
    lines.push(
      `Same-node redirect: ${view.redirect ? 'on' : 'off'}, by the ${view.redirectSetting}’s setting. ` +
        `${rate(traffic.redirected, 'pps')} redirected to other pods, past the host stack; ` +
        `${bounded(traffic.ingressRedirected, 'pps')} redirected to this pod.`,
    );
  if (host !== null)
    lines.push(
      `Host stack: route to the pod ${host.routes.join(', ') || 'none'}, ` +
        `neighbor ${host.neighbors.join(', ') || 'none'}, ` +
        `forwarding ${host.forwarding ? 'on' : 'off'}. ` +
        `From this pod ${rate(traffic.hostRouted, 'pps')}; ` +
        `from all other pods ${rate(traffic.podsToHost, 'pps')}, to them ${bounded(traffic.hostToPods, 'pps')}.`,
    );
  lines.push(
    view.pods.length === 0
      ? 'Pods on this node: no others.'
      : `Pods on this node: ${view.pods.length}, all together receiving ${rate(sum(view, 'ingressPackets'), 'pps')} ` +
          `and sending ${rate(sum(view, 'egressPackets'), 'pps')}.`,
  );
  if (uplink !== null)
    lines.push(
      `Uplink ${uplink.name}: MTU ${uplink.mtu}, the whole node sending ${rate(view.uplinkRates.bits.egress, 'bit/s')} ` +
        `and receiving ${rate(view.uplinkRates.bits.ingress, 'bit/s')}.`,
    );
  return lines;
}

function sum({ pods }: PathDiagramData, field: 'ingressPackets' | 'egressPackets'): number | null {
  const known = pods.map((pod) => pod[field]).filter((value) => value !== null);
  return known.length === 0 ? null : known.reduce((total, value) => total + value, 0);
}
