import { isIpv6Text } from '../../../contract/cidr.ts';
import type { DeviceKind } from '../../../contract/device.ts';
import type { MigrationCheck } from '../../../contract/migration.ts';
import { type ProblemCode, ProblemError } from '../../../contract/problem.ts';
import { slotToPeerIfindex, slotToPrimaryIfindex } from '../../bpf/datapath-structs.ts';
import { readSysctl } from '../../kernel/sysctl.ts';
import { getLink, listLinks } from '../../netlink/link.ts';
import type { NetworkLink } from '../../netlink/link-message.ts';
import { reversePathSysctl } from '../device/reverse-path-filter.ts';
import { hasKernelCapability, type KernelContext } from '../kernel-context.ts';
import type { BlockingActivity } from '../pod-activity.ts';
import type { PodNamespace } from '../pod-namespaces.ts';
import { getCurrentDevice, type LivePod } from '../pod-registry.ts';
import { formatTemporaryName } from '../slot-allocator.ts';
import type { OldDeviceNetwork } from './old-device-network.ts';

const passed = (name: string, detail: string): MigrationCheck => ({
  name,
  state: 'passed',
  detail,
  code: null,
});
const note = (name: string, detail: string): MigrationCheck => ({ name, state: 'note', detail, code: null });
const refused = (name: string, code: ProblemCode, detail: string): MigrationCheck => ({
  name,
  state: 'refused',
  detail,
  code,
});

export interface PreflightInput {
  to: DeviceKind;
  slot: number;
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
  { to, slot, oldNetwork, obstacle, recreate }: PreflightInput,
): Promise<MigrationCheck[]> {
  const current = getCurrentDevice(pod);
  const inside = await listLinks(namespace.socket);
  return [
    ...kernelChecks(kernel, to),
    current.kind === to && !recreate
      ? refused(`Pod is not on ${to} yet`, 'already_on_kind', `${current.primaryName} is a ${to} device`)
      : passed(
          recreate ? 'Device may be recreated' : `Pod is not on ${to} yet`,
          `${current.primaryName} is a ${current.kind} device`,
        ),
    obstacle
      ? refused('No other operation on this pod', obstacle.code, obstacle.detail)
      : passed('No other operation on this pod', 'none is running'),
    await deviceCheck(kernel, current.slot),
    await freeSlotCheck(kernel, slot, inside),
    await freeNamesCheck(kernel, namespace, [current.slot, slot]),
    forwardingCheck(pod),
    ...carriedProgramChecks(oldNetwork),
    interfaceCheck(inside, slotToPeerIfindex(current.slot)),
    passed(
      'MTU, addresses and routes can be carried over',
      `MTU ${pod.record.network.mtu}, ${oldNetwork.addresses.length} ${oldNetwork.addresses.length === 1 ? 'address' : 'addresses'}, ${oldNetwork.podRoutes.length} + ${oldNetwork.hostRoutes.length} routes`,
    ),
    hasKernelCapability(kernel, 'live-rename')
      ? passed(`New interface can be renamed to ${pod.record.network.interface}`, 'live rename probed')
      : note(
          `New interface gets ${pod.record.network.interface} as an alternative name only`,
          `it is called ${formatTemporaryName(slot)}, since this kernel cannot rename an interface that is up: ${kernel.capabilities.get('live-rename')?.detail ?? 'not probed'}`,
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
      hint: hints[first.code as ProblemCode] ?? 'Request the plan with dryRun to see every check.',
    },
  );
}

const hints: Partial<Record<ProblemCode, string>> = {
  no_netkit: 'The pod stays on veth. Boot a kernel with CONFIG_NETKIT (Linux 6.7, or a backport).',
  migration_running: 'Wait for it to end: GET /api/v1/migrations/:id.',
  second_interface: 'Podlane migrates pods that have one interface beside the loopback.',
  host_not_ready:
    'sysctl -w net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1 net.ipv4.conf.all.rp_filter=0',
  pod_gone: 'The pod has ended; remove it with DELETE /api/v1/pods/:id.',
};

function kernelChecks(kernel: KernelContext, to: DeviceKind): MigrationCheck[] {
  const [name, code] =
    to === 'netkit'
      ? (['netkit', 'no_netkit'] as const)
      : ([kernel.primaryHooks === 'tc' ? 'clsact' : 'tcx', 'no_tcx'] as const);
  const capability = kernel.capabilities.get(name);
  const title = to === 'netkit' ? 'netkit works on this kernel' : `veth and ${name} work on this kernel`;
  const detail = capability?.detail ?? 'not probed';
  return [capability?.available ? passed(title, detail) : refused(title, code, detail)];
}

async function deviceCheck(kernel: KernelContext, slot: number): Promise<MigrationCheck> {
  const link = await getLink(kernel.host, { ifindex: slotToPrimaryIfindex(slot) });
  return link
    ? passed('Pod has its device', `${link.name} (ifindex ${link.ifindex})`)
    : refused(
        'Pod has its device',
        'device_missing',
        `ifindex ${slotToPrimaryIfindex(slot)} is gone from the host`,
      );
}

async function freeSlotCheck(
  kernel: KernelContext,
  slot: number,
  inside: NetworkLink[],
): Promise<MigrationCheck> {
  const title = `Slot ${slot} and both ifindexes are free`;
  const taken = await getLink(kernel.host, { ifindex: slotToPrimaryIfindex(slot) });
  if (taken) return refused(title, 'interface_in_use', `ifindex ${taken.ifindex} is taken by ${taken.name}`);
  const peer = inside.find((link) => link.ifindex === slotToPeerIfindex(slot));
  if (peer)
    return refused(title, 'interface_in_use', `ifindex ${peer.ifindex} is taken by ${peer.name} in the pod`);
  return passed(title, `${slotToPrimaryIfindex(slot)}/${String(slotToPeerIfindex(slot)).slice(-2)}`);
}

/**
 * Checks that no interface of the host or the pod has one of the names that both devices bear for a time. The pod's own
 * device may: it has such a name where the kernel cannot rename an interface that is up.
 */
async function freeNamesCheck(
  kernel: KernelContext,
  namespace: PodNamespace,
  slots: readonly number[],
): Promise<MigrationCheck> {
  const names = slots.map(formatTemporaryName);
  const title = `The temporary names ${names.join(' and ')} are free`;
  for (const slot of slots)
    for (const [where, socket, own] of [
      ['on the host', kernel.host, slotToPrimaryIfindex(slot)],
      ['in the pod', namespace.socket, slotToPeerIfindex(slot)],
    ] as const) {
      const name = formatTemporaryName(slot);
      const taken = await getLink(socket, { name });
      if (taken && taken.ifindex !== own)
        return refused(title, 'interface_in_use', `ifindex ${taken.ifindex} ${where} is called ${name}`);
    }
  return passed(title, 'no interface has them');
}

/**
 * Checks that the host forwards, and that its reverse path filter of all interfaces is not strict. In the pod a strict
 * filter is made loose meanwhile, but the primaries have no IPv4 addresses, and then the kernel drops what arrives
 * beside the route even if the filter is loose (__fib_validate_source, net/ipv4/fib_frontend.c).
 */
function forwardingCheck(pod: LivePod): MigrationCheck {
  const forward = readSysctl('net/ipv4/ip_forward');
  const forward6 = pod.record.network.addresses.some(isIpv6Text)
    ? readSysctl('net/ipv6/conf/all/forwarding')
    : null;
  const filter = readSysctl(reversePathSysctl('all'));
  const detail = `ip_forward ${forward}${forward6 === null ? '' : `, IPv6 forwarding ${forward6}`}, rp_filter of all interfaces ${filter}`;
  const title = 'Host forwards, without strict reverse path filtering';
  return forward === '1' && forward6 !== '0' && filter !== '1'
    ? passed(title, detail)
    : refused(title, 'host_not_ready', detail);
}

function carriedProgramChecks({ carriedPrograms }: OldDeviceNetwork): MigrationCheck[] {
  if (carriedPrograms.length === 0) return [];
  const each = carriedPrograms.map(
    ({ id, name, hook, beforeOurs, user }) =>
      `${name || 'unnamed'} (id ${id}) on ${hook}, ${beforeOurs ? 'before' : 'after'} ours${user ? `, program ${user.number} of the pod` : ', without a link, for the life of the device'}`,
  );
  return [
    note(
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
    ? passed('Pod has one interface', 'none beside the loopback')
    : refused(
        'Pod has one interface',
        'second_interface',
        `the pod has ${others.map((link) => link.name).join(', ')} as well`,
      );
}
