import { isIpv6Text } from '../../../contract/cidr.ts';
import type { DeviceKind } from '../../../contract/device.ts';
import type { MigrationCheck } from '../../../contract/migration.ts';
import { preflightReasons } from '../../../contract/preflight-reasons.ts';
import { type ProblemCode, ProblemError } from '../../../contract/problem.ts';
import { readSysctl } from '../../kernel/sysctl.ts';
import { getLink, listLinks } from '../../netlink/link.ts';
import type { NetworkLink } from '../../netlink/link-message.ts';
import { reversePathSysctl } from '../device/reverse-path-filter.ts';
import { getPeerIfindex, getPrimaryIfindex, type IndexedDevice, isForeignDevice } from '../device-indexes.ts';
import { hasKernelCapability, type KernelContext } from '../kernel-context.ts';
import type { BlockingActivity } from '../pod-activity.ts';
import type { PodNamespace } from '../pod-namespaces.ts';
import { getCurrentDevice, type LivePod } from '../pod-registry.ts';
import { formatTemporaryName } from '../slot-allocator.ts';
import type { OldDeviceNetwork } from './old-device-network.ts';

type Topic = MigrationCheck['topic'];
const passed = (topic: Topic, name: string, detail: string): MigrationCheck => ({
  topic,
  name,
  state: 'passed',
  detail,
  code: null,
});
const note = (topic: Topic, name: string, detail: string): MigrationCheck => ({
  topic,
  name,
  state: 'note',
  detail,
  code: null,
});
const refused = (topic: Topic, name: string, code: ProblemCode, detail: string): MigrationCheck => ({
  topic,
  name,
  state: 'refused',
  detail,
  code,
});

export interface PreflightInput {
  to: DeviceKind;
  /** The new device. */
  device: IndexedDevice;
  oldNetwork: OldDeviceNetwork;
  /** Activity of the pod that blocks the migration, or null. */
  obstacle: BlockingActivity | null;
  /** True if the new device may have the same kind as the old one. */
  recreate: boolean;
}

/** Checks whether a pod can migrate to a device kind on a slot, without changing anything. */
export async function runPreflightChecks(
  kernel: KernelContext,
  pod: LivePod,
  namespace: PodNamespace,
  { to, device, oldNetwork, obstacle, recreate }: PreflightInput,
): Promise<MigrationCheck[]> {
  const current = getCurrentDevice(pod);
  const inside = await listLinks(namespace.socket);
  return [
    ...kernelChecks(kernel, to),
    current.kind === to && !recreate
      ? refused(
          'kind',
          `Pod is not on ${to} yet`,
          'already_on_kind',
          `${current.primaryName} is a ${to} device`,
        )
      : passed(
          'kind',
          recreate ? 'Device may be recreated' : `Pod is not on ${to} yet`,
          `${current.primaryName} is a ${current.kind} device`,
        ),
    obstacle
      ? refused('operation', 'No other operation on this pod', obstacle.code, obstacle.detail)
      : passed('operation', 'No other operation on this pod', 'none is running'),
    await deviceCheck(kernel, getPrimaryIfindex(current)),
    await freeIndexesCheck(kernel, device, inside),
    await freeNamesCheck(kernel, namespace, [current, device]),
    ...(pod.record.adoption?.form === 'bridged' ? [] : [forwardingCheck(pod)]),
    ...carriedProgramChecks(oldNetwork),
    interfaceCheck(inside, getPeerIfindex(current)),
    passed(
      'network',
      'MTU, addresses and routes can be carried over',
      `MTU ${pod.record.network.mtu}, ${oldNetwork.addresses.length} ${oldNetwork.addresses.length === 1 ? 'address' : 'addresses'}, ${oldNetwork.podRoutes.length} + ${oldNetwork.hostRoutes.length} routes`,
    ),
    hasKernelCapability(kernel, 'live-rename')
      ? passed(
          'rename',
          `New interface can be renamed to ${pod.record.network.interface}`,
          'live rename probed',
        )
      : note(
          'rename',
          `New interface gets ${pod.record.network.interface} as an alternative name only`,
          `it is called ${formatTemporaryName(device.slot)}, since this kernel cannot rename an interface that is up: ${kernel.capabilities.get('live-rename')?.detail ?? 'not probed'}`,
        ),
  ];
}

/**
 * Throws if a check refused the operation.
 * @throws ProblemError with the first refusal's code, and all refusals as its errors
 */
export function throwIfCheckRefused(checks: readonly MigrationCheck[], what: string): void {
  const refusals = checks.filter((check) => check.state === 'refused');
  const first = refusals[0];
  if (!first) return;
  throw new ProblemError(
    first.code as ProblemCode,
    `${what}: ${refusals.map((check) => check.detail).join('; ')}`,
    {
      errors: refusals.map((check) => ({ path: check.code ?? '', message: check.detail })),
      hint: findHint(first.code) ?? 'Request the plan with dryRun to see every check.',
    },
  );
}

/** Returns what to do about a refusal: the command or the remedy that a preflight names for it. */
function findHint(code: string | null): string | undefined {
  const reasons: Readonly<Record<string, { remedy: string | null; command?: string }>> = preflightReasons;
  const reason = code === null ? undefined : reasons[code];
  return reason?.command ?? reason?.remedy ?? undefined;
}

function kernelChecks(kernel: KernelContext, to: DeviceKind): MigrationCheck[] {
  const [name, code] =
    to === 'netkit'
      ? (['netkit', 'no_netkit'] as const)
      : ([kernel.primaryHooks === 'tc' ? 'clsact' : 'tcx', 'no_tcx'] as const);
  const capability = kernel.capabilities.get(name);
  const title = to === 'netkit' ? 'netkit works on this kernel' : `veth and ${name} work on this kernel`;
  const detail = capability?.detail ?? 'not probed';
  return [capability?.available ? passed('kernel', title, detail) : refused('kernel', title, code, detail)];
}

async function deviceCheck(kernel: KernelContext, ifindex: number): Promise<MigrationCheck> {
  const link = await getLink(kernel.host, { ifindex });
  return link
    ? passed('device', 'Pod has its device', `${link.name} (ifindex ${link.ifindex})`)
    : refused('device', 'Pod has its device', 'device_missing', `ifindex ${ifindex} is gone from the host`);
}

async function freeIndexesCheck(
  kernel: KernelContext,
  device: IndexedDevice,
  inside: NetworkLink[],
): Promise<MigrationCheck> {
  const title = `Slot ${device.slot} and both ifindexes are free`;
  const [primaryIfindex, peerIfindex] = [getPrimaryIfindex(device), getPeerIfindex(device)];
  const taken = await getLink(kernel.host, { ifindex: primaryIfindex });
  if (taken)
    return refused('slot', title, 'interface_in_use', `ifindex ${taken.ifindex} is taken by ${taken.name}`);
  const peer = inside.find((link) => link.ifindex === peerIfindex);
  if (peer)
    return refused(
      'slot',
      title,
      'interface_in_use',
      `ifindex ${peer.ifindex} is taken by ${peer.name} in the pod`,
    );
  const short = isForeignDevice(device) ? peerIfindex : String(peerIfindex).slice(-2);
  return passed('slot', title, `${primaryIfindex}/${short}`);
}

/**
 * Checks that no interface of the host or the pod has one of the names that both devices bear for a time. The pod's own
 * device may: it has such a name where the kernel cannot rename an interface that is up.
 */
async function freeNamesCheck(
  kernel: KernelContext,
  namespace: PodNamespace,
  devices: readonly IndexedDevice[],
): Promise<MigrationCheck> {
  const names = devices.map(({ slot }) => formatTemporaryName(slot));
  const title = `The temporary names ${names.join(' and ')} are free`;
  for (const device of devices)
    for (const [where, socket, own] of [
      ['on the host', kernel.host, getPrimaryIfindex(device)],
      ['in the pod', namespace.socket, getPeerIfindex(device)],
    ] as const) {
      const name = formatTemporaryName(device.slot);
      const taken = await getLink(socket, { name });
      if (taken && taken.ifindex !== own)
        return refused(
          'names',
          title,
          'interface_in_use',
          `ifindex ${taken.ifindex} ${where} is called ${name}`,
        );
    }
  return passed('names', title, 'no interface has them');
}

/** Reads whether the host forwards as migrations need it. @param ipv6 whether IPv6 has to be forwarded as well */
export function readForwarding(ipv6: boolean): { ready: boolean; detail: string } {
  const forward = readSysctl('net/ipv4/ip_forward');
  const forward6 = ipv6 ? readSysctl('net/ipv6/conf/all/forwarding') : null;
  const filter = readSysctl(reversePathSysctl('all'));
  return {
    ready: forward === '1' && forward6 !== '0' && filter !== '1',
    detail: `ip_forward ${forward}${forward6 === null ? '' : `, IPv6 forwarding ${forward6}`}, rp_filter of all interfaces ${filter}`,
  };
}

/**
 * Checks that the host forwards, and that its reverse path filter of all interfaces is not strict. In the pod a strict
 * filter is made loose meanwhile, but the primaries have no IPv4 addresses, and then the kernel drops what arrives
 * beside the route even if the filter is loose (__fib_validate_source, net/ipv4/fib_frontend.c).
 */
function forwardingCheck(pod: LivePod): MigrationCheck {
  const { ready, detail } = readForwarding(pod.record.network.addresses.some(isIpv6Text));
  const title = 'Host forwards, without strict reverse path filtering';
  return ready ? passed('forwarding', title, detail) : refused('forwarding', title, 'host_not_ready', detail);
}

function carriedProgramChecks({ carriedPrograms }: OldDeviceNetwork): MigrationCheck[] {
  if (carriedPrograms.length === 0) return [];
  const each = carriedPrograms.map(
    ({ id, name, hook, beforeOurs, user }) =>
      `${name || 'unnamed'} (id ${id}) on ${hook}, ${beforeOurs ? 'before' : 'after'} ours${user ? `, program ${user.number} of the pod` : ', without a link, for the life of the device'}`,
  );
  return [
    note(
      'programs',
      `${carriedPrograms.length === 1 ? 'A program' : `${carriedPrograms.length} programs`} of others will be attached to the new device as well`,
      each.join('; '),
    ),
  ];
}

/**
 * Checks for other interfaces in the pod. Tunnel devices that the kernel creates in every namespace are down and are
 * ignored.
 */
function interfaceCheck(inside: NetworkLink[], ours: number): MigrationCheck {
  const others = inside.filter((link) => link.ifindex !== ours && link.name !== 'lo' && link.up);
  return others.length === 0
    ? passed('interfaces', 'Pod has one interface', 'none beside the loopback')
    : refused(
        'interfaces',
        'Pod has one interface',
        'second_interface',
        `the pod has ${others.map((link) => link.name).join(', ')} as well`,
      );
}
