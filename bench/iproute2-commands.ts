import { writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { isIpv6Text } from '../contract/cidr.ts';
import { programNameByHook } from '../server/bpf/datapath-programs.ts';
import { slotToPeerIfindex, slotToPrimaryIfindex } from '../server/bpf/datapath-structs.ts';
import { netkitAttachTypes } from '../server/bpf/netkit-hook.ts';
import { tcxAttachTypes } from '../server/bpf/tcx-hook.ts';
import { listPodGateways } from '../server/datapath/device/pod-gateways.ts';
import { podlaneProgramHooks } from '../server/datapath/device/program-hooks.ts';
import type { DeviceRecord } from '../server/store/records.ts';
import type { BenchHooks, BenchPod } from './fixture.ts';
import { compileBenchProgram } from './traffic.ts';

/** A command line: the program followed by its arguments. */
export type CommandLine = string[];

const attachTypes = { ...netkitAttachTypes, ...tcxAttachTypes };
/**
 * What gives the pod its device by iproute2: a batch of `ip` on the host and one in the pod, and for programs a
 * batch of `tc`, or the C program `attach.c` on hooks that iproute2 does not know. It sets no sysctls, as
 * iproute2 cannot, and does not wait for the device to carry.
 */
export function buildIproute2AttachCommands(
  { pod, device }: BenchPod,
  hooks: BenchHooks,
  pins: string,
): CommandLine[] {
  const { primaryName: primary, primaryMac, peerMac, slot, kind } = device;
  const { addresses, mtu, interface: peer, netkit } = pod.network;
  const { policy, mode } = netkit;
  const pair = kind === 'veth' ? 'veth peer' : `netkit mode ${mode} ${policy.primary} peer ${policy.peer}`;
  const netns = basename(pod.netnsPath);
  const address = (mac: string | null): string => (mac ? ` address ${mac}` : '');
  const bare = (cidr: string): string => cidr.split('/')[0]!;
  const both = primaryMac && peerMac;
  const host = [
    `link add ${primary} index ${slotToPrimaryIfindex(slot)} mtu ${mtu}${address(primaryMac)} type ${pair} name ${peer} index ${slotToPeerIfindex(slot)} mtu ${mtu}${address(peerMac)} netns ${netns}`,
    `link set ${primary} addrgenmode none`,
    `link set ${primary} up`,
    ...(both
      ? addresses.map((each) => `neigh replace ${bare(each)} lladdr ${peerMac} dev ${primary} nud permanent`)
      : []),
    ...addresses.map((each) => `route replace ${each} dev ${primary}`),
  ];
  const inside = [
    `link set ${peer} addrgenmode none`,
    `link set ${peer} up`,
    ...(both
      ? listPodGateways(pod.network).map(
          (each) => `neigh replace ${each} lladdr ${primaryMac} dev ${peer} nud permanent`,
        )
      : []),
    ...addresses.map((each) => `address add ${each} dev ${peer}${isIpv6Text(each) ? ' nodad' : ''}`),
    ...listPodGateways(pod.network).map((each) => `route replace default via ${each} dev ${peer} onlink`),
  ];
  return [
    ['ip', '-batch', file(`${slot}-host`, host)],
    ['ip', '-n', netns, '-batch', file(`${slot}-pod`, inside)],
    ...attachPrograms(device, hooks, pins),
  ];
}

function attachPrograms({ slot, primaryName }: DeviceRecord, hooks: BenchHooks, pins: string): CommandLine[] {
  if (hooks === 'none') return [];
  const pinned = (hook: keyof typeof programNameByHook): string =>
    join(pins, 'programs', programNameByHook[hook]);
  if (hooks === 'tc')
    return [
      [
        'tc',
        '-batch',
        file(`${slot}-tc`, [
          `qdisc add dev ${primaryName} clsact`,
          `filter add dev ${primaryName} egress bpf direct-action object-pinned ${pinned('tcx/egress')}`,
          `filter add dev ${primaryName} ingress bpf direct-action object-pinned ${pinned('tcx/ingress')}`,
        ]),
      ],
    ];
  const links = Object.values(podlaneProgramHooks[hooks]).flatMap((hook) => [
    String(attachTypes[hook]),
    pinned(hook),
    linkPin(pins, slot, hook),
  ]);
  return [[compileBenchProgram('attach', ['-lbpf']), String(slotToPrimaryIfindex(slot)), ...links]];
}

/** Returns the commands that delete a device; the kernel then removes its addresses, routes, neighbors and programs. */
export const buildIproute2DetachCommands = ({ device }: BenchPod): CommandLine[] => [
  ['ip', '-batch', file(`${device.slot}-delete`, [`link delete ${device.primaryName}`])],
];

/** Returns commands that start the same programs but do nothing, to measure the cost of starting the processes. */
export const toNoopCommands = (commands: CommandLine[]): CommandLine[] =>
  commands.map(([program = '', ...words]) =>
    words.includes('-batch') ? [program, ...words.slice(0, -1), file('empty', [])] : [program, words[0]!],
  );

/** Lists the paths of the link pins that `attach.c` leaves behind after its device was deleted. */
export const listLeftoverLinkPinPaths = (pins: string, { device }: BenchPod): string[] =>
  Object.keys(attachTypes).map((hook) => linkPin(pins, device.slot, hook));

const linkPin = (pins: string, slot: number, hook: string): string =>
  join(pins, `peer-${slot}-${hook.replace('/', '-')}`);

function file(name: string, lines: string[]): string {
  const path = join(tmpdir(), `batch-${name}`);
  writeFileSync(path, lines.map((line) => `${line}\n`).join(''));
  return path;
}
