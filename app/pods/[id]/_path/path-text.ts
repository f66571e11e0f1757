import { count, quantity } from '../../../_lib/format.ts';
import { acceptedOf, type PathView, programsOf, runsOf } from './view.ts';

const rate = (value: number | null | undefined, unit: string): string =>
  value === null || value === undefined || Number.isNaN(value) ? 'unknown' : quantity(value, unit);

/** The path in sentences, in the order a leaving packet meets it: what the drawing says, for those who cannot see it. */
export function pathText(view: PathView): string[] {
  const { container, device, host, uplink, rates } = view;
  const lines = [
    `Container ${container.name}: interface ${container.interface}, ifindex ${container.ifindex}, ` +
      `address ${container.addresses.join(', ') || 'none'}, MTU ${container.mtu}. ` +
      `Leaving ${rate(rates?.packetsOut, 'pps')}, entering ${rate(rates?.packetsIn, 'pps')}.`,
  ];
  if (device === null) lines.push('Device: the kernel has none.');
  else {
    lines.push(
      `Device: ${device.kind}${device.mode === null ? '' : ` ${device.mode}`}, slot ${device.slot}, ` +
        `peer ${device.peer.name} (ifindex ${device.peer.ifindex}) in the pod, ` +
        `primary ${device.primary.name} (ifindex ${device.primary.ifindex}) on the host.`,
    );
    for (const direction of ['out', 'in'] as const)
      for (const { hook, programs } of programsOf(device, direction)) {
        const way = direction === 'out' ? 'leaving' : 'entering';
        if (programs.length === 0) lines.push(`Hook ${hook}, ${way} packets: no program.`);
        for (const program of programs) {
          const ns = view.nsPerRun.get(program.id) ?? program.nsPerRun;
          const runs =
            program.ours && rates !== null ? rate(runsOf(rates, direction), 'runs/s') : 'unknown runs/s';
          const dropped = direction === 'out' ? rates?.droppedOut : rates?.droppedIn;
          lines.push(
            `Hook ${hook}, ${way} packets: program ${program.name}, id ${program.id}, ${runs} for this pod, ` +
              `${ns === null ? 'unknown' : count(ns)} ns per run on the whole node, ` +
              `drops ${program.ours ? rate(dropped, '/s') : 'unknown'}.`,
          );
        }
      }
  }
  if (host !== null)
    lines.push(
      `Host stack: route to the pod ${host.routes.join(', ') || 'none'}, ` +
        `neighbour ${host.neighbours.join(', ') || 'none'}, ` +
        `forwarding ${host.forwarding ? 'on' : 'off'}. ` +
        `From this pod ${rate(rates && acceptedOf(rates, 'out'), 'pps')}.`,
    );
  lines.push(
    view.pods.length === 0
      ? 'Pods on this node: none but this one.'
      : `Pods on this node: ${view.pods.length}, all together receiving ${rate(view.podsRates.out, 'pps')} ` +
          `and sending ${rate(view.podsRates.in, 'pps')}.`,
  );
  if (uplink !== null)
    lines.push(
      `Uplink ${uplink.name}: MTU ${uplink.mtu}, the whole node sending ${rate(view.uplinkRates.bits.out, 'bit/s')} ` +
        `and receiving ${rate(view.uplinkRates.bits.in, 'bit/s')}.`,
    );
  return lines;
}
