import { randomUUID } from 'node:crypto';
import type { DeviceKind, HookFamily } from '../../../contract/device.ts';
import type {
  DeviceReference,
  Migration,
  MigrationItem,
  MigrationPlan,
} from '../../../contract/migration.ts';
import { isForeignIfindex } from '../../bpf/datapath-structs.ts';
import type { InterfaceSysctl } from '../../kernel/interface-sysctls.ts';
import { formatMacAddress } from '../../netlink/ip-address.ts';
import { ifla } from '../../netlink/link-attributes.ts';
import { getRawAttribute, getRawString } from '../../netlink/raw-object.ts';
import type { DeviceRecord, NewDeviceRecord, PodRecord } from '../../store/records.ts';
import { chooseForeignIfindexes } from '../adopted/foreign-ifindexes.ts';
import { chooseNetkitPolicy, formatDeviceAlias, isKernelIpv6Enabled } from '../device/device-pair.ts';
import { buildSlotEntry } from '../device/podlane-programs.ts';
import { defaultHookFamily } from '../device/program-hooks.ts';
import { getPeerIfindex, getPrimaryIfindex } from '../device-indexes.ts';
import { hasKernelCapability, type KernelContext } from '../kernel-context.ts';
import { type DeviceState, type EndState, hasLinkLayerAddresses } from '../network-state/end-state.ts';
import { listAlternativeNames, sysctlsSetAfterTraffic } from '../network-state/list-settings.ts';
import { readEndState } from '../network-state/read-end-state.ts';
import type { PodNamespace } from '../pod-namespaces.ts';
import { getCurrentDevice, type LivePod, toDeviceRef } from '../pod-registry.ts';
import { buildDeviceRecord } from '../pods/create-pod-device.ts';
import { formatTemporaryName } from '../slot-allocator.ts';
import { listBoundSocketItems } from './bound-sockets.ts';
import { findChildInterfaces } from './child-interfaces.ts';
import { listFirewallItems } from './firewall-rule-twins.ts';
import { listMasqueradedConnectionItems } from './keep-masqueraded-connections.ts';
import { listLinkLayerNotes } from './list-link-layer-notes.ts';
import { listProgramHelperItems } from './list-program-helper-items.ts';
import { listXdpLinkItems } from './list-xdp-link-items.ts';
import { getRecordedFilter } from './loosen-reverse-path-filters.ts';
import { listMptcpAndIpsecItems } from './mptcp-and-ipsec.ts';
import { type OldDeviceNetwork, readOldDeviceNetwork } from './old-device-network.ts';
import { listLostSettings, toChecks } from './plan-items.ts';
import { formatPlanScript } from './plan-script.ts';
import { type PreflightInput, runPreflightChecks } from './preflight.ts';
import type { RecordedState } from './recorded-state.ts';
import { rehearseSettings } from './rehearse-settings.ts';
import { listRoutingRuleItems } from './routing-rule-twins.ts';
import { planMigrationSteps } from './step-list.ts';

/** Migration plan with the network state that the migration carries over and the record of the new device. */
export interface PreparedMigration {
  plan: MigrationPlan;
  oldNetwork: OldDeviceNetwork;
  recorded: RecordedState;
  device: NewDeviceRecord;
}

/** What a migration leads to. */
export interface MigrationTarget {
  kind: DeviceKind;
  slot: number;
  /** True if the pod returns to a device as others made it, for its release. */
  release: boolean;
}

/** Plans a pod's migration to a device on a slot from the current kernel state, without changing anything. */
export async function prepareMigration(
  kernel: KernelContext,
  pod: LivePod,
  namespace: PodNamespace,
  target: MigrationTarget,
  { obstacle, recreate }: Pick<PreflightInput, 'obstacle' | 'recreate'>,
): Promise<PreparedMigration> {
  const { kind: to, slot, release } = target;
  const current = getCurrentDevice(pod);
  const oldNetwork = await readOldDeviceNetwork(kernel, namespace, current);
  const recorded = await recordState(kernel, pod, namespace);
  const { names } = recorded;
  // A device of the same kind gets its programs on the hooks that the old one uses.
  const hooks = current.kind === to ? current.hooks : chooseHooks(kernel, pod.record, to);
  const device = {
    ...carryMacs(buildDeviceRecord(pod.record, to, hooks, slot, names.host), recorded.state),
    foreignIfindexes:
      release && pod.record.adoption
        ? await chooseForeignIfindexes(kernel, namespace, pod.record.adoption)
        : null,
  };
  const checks = await runPreflightChecks(kernel, pod, namespace, {
    to,
    device,
    oldNetwork,
    obstacle,
    recreate: recreate || release,
  });
  const liveRename = hasKernelCapability(kernel, 'live-rename');
  const kindWorks = !checks.some(({ code }) => code === 'no_netkit' || code === 'no_tcx');
  const items: MigrationItem[] = [
    ...listLostSettings({ pod: pod.record, state: recorded.state, to }),
    ...(kindWorks ? await rehearseSettings(pod.record, recorded.state, to) : []),
    ...(await findChildInterfaces(recorded.state, namespace.fd)),
    ...(await listBoundSocketItems(pod.record, namespace, current)),
    ...(await listMptcpAndIpsecItems(recorded.state, namespace.fd)),
    ...listXdpLinkItems(recorded.state),
    ...(await listProgramHelperItems(oldNetwork.carriedPrograms, { old: current.hooks, new: hooks })),
    ...(await listMasqueradedConnectionItems(recorded.state, namespace.fd)),
    ...(await listFirewallItems({
      state: recorded.state,
      names,
      podNamespaceFd: namespace.fd,
      fromSlot: current.slot,
      newIfindex: { pod: getPeerIfindex(device), host: getPrimaryIfindex(device) },
      liveRename,
    })),
    ...(await listRoutingRuleItems({ pod: namespace.socket, host: kernel.host }, names, liveRename)),
  ];
  checks.push(...listLinkLayerNotes(pod.record, recorded.state, to), ...toChecks(items));
  const from = toDeviceRef({ ...current, primaryName: recorded.state.host.name }, recorded.state.pod.name);
  const temporary = formatTemporaryName(slot);
  const unnamed = toDeviceRef({ ...device, primaryName: temporary }, temporary);
  const steps = planMigrationSteps({
    from,
    to: unnamed,
    names,
    adopted: pod.record.adoption !== null,
    alias: getRawString(recorded.state.host.link, ifla.alias) ?? formatDeviceAlias(pod.record),
    device,
    policy: chooseNetkitPolicy(pod.record.network, device),
    netns: pod.record.netnsPath,
    network: pod.record.network,
    ...oldNetwork,
    pins: kernel.programs.pins,
    slotEntry: buildSlotEntry(kernel, pod.record, device),
    liveRename,
    ipv6: isKernelIpv6Enabled(),
    sysctlsAfterTraffic: {
      pod: recorded.state.pod.sysctls.filter(isSetAfterTraffic),
      host: recorded.state.host.sysctls.filter(isSetAfterTraffic),
    },
    reversePath: {
      pod: getRecordedFilter(recorded.state.pod, namespace.fd),
      host: getRecordedFilter(recorded.state.host),
    },
  });
  return {
    oldNetwork,
    recorded,
    device,
    plan: {
      podId: pod.record.id,
      direction: release
        ? 'release'
        : current.kind === to
          ? 'recreation'
          : to === 'veth'
            ? 'fallback'
            : 'promotion',
      from,
      to: liveRename ? toDeviceRef(device, names.pod) : unnamed,
      allowed: checks.every((check) => check.state !== 'refused'),
      checks,
      items,
      steps,
      script: formatPlanScript({ namespace: pod.record.namespace, name: pod.record.name, kind: to }, steps),
    },
  };
}

/**
 * Reads the network state of a pod's device and its names.
 * @throws ProblemError `device_missing` if one of its ends is gone
 */
export async function recordState(
  kernel: KernelContext,
  pod: LivePod,
  namespace: PodNamespace,
): Promise<RecordedState> {
  const device = getCurrentDevice(pod);
  const { slot, primaryName } = device;
  const state = {
    pod: await readEndState({
      socket: namespace.socket,
      namespaceFd: namespace.fd,
      ifindex: getPeerIfindex(device),
    }),
    host: await readEndState({
      socket: kernel.host,
      namespaceFd: undefined,
      ifindex: getPrimaryIfindex(device),
    }),
  };
  // A migration on a kernel that cannot rename made the name an alternative one; one that could not be undone, and
  // whose new device is gone, left the temporary name.
  const nameOf = (end: EndState, wanted: string): string =>
    listAlternativeNames(end.link).includes(wanted) || end.name === formatTemporaryName(slot)
      ? wanted
      : end.name;
  return {
    state,
    names: {
      pod: nameOf(state.pod, pod.record.network.interface),
      host: nameOf(state.host, primaryName),
    },
    accepted: [],
  };
}

/** Tells whether a plan names a sysctl among those that are set once traffic has moved; not a secret. */
const isSetAfterTraffic = ({ name }: InterfaceSysctl): boolean =>
  sysctlsSetAfterTraffic.has(name) && name !== 'stable_secret';

/**
 * Returns the hook family of a pod's new device. Frames that reach a port of a bridge keep the socket of another pod that
 * sent them, by which programs at netkit hooks would take them for the node's own: there the primary's hooks tell.
 */
const chooseHooks = (kernel: KernelContext, { adoption }: PodRecord, kind: DeviceKind): HookFamily =>
  adoption?.form === 'bridged' ? kernel.primaryHooks : defaultHookFamily(kernel, kind);

/** Gives a device with MAC addresses those of the device that it replaces, if that has any. */
function carryMacs(device: NewDeviceRecord, { host, pod }: DeviceState): NewDeviceRecord {
  if (device.primaryMac === null || !hasLinkLayerAddresses(host) || !hasLinkLayerAddresses(pod))
    return device;
  const [primaryMac, peerMac] = [host, pod].map(({ link }) => {
    const bytes = getRawAttribute(link, ifla.address);
    return bytes === null ? null : formatMacAddress(bytes);
  });
  return { ...device, primaryMac: primaryMac ?? null, peerMac: peerMac ?? null };
}

/** Creates the journal of a plan before its first step. The store assigns the number and the start time. */
export const createMigrationJournal = (plan: MigrationPlan, pod: LivePod, actor: string): Migration => ({
  id: randomUUID(),
  number: 0,
  podId: plan.podId,
  podNamespace: pod.record.namespace,
  podName: pod.record.name,
  direction: plan.direction,
  from: plan.from,
  to: plan.to,
  actor,
  state: 'running',
  startedAt: new Date().toISOString(),
  endedAt: null,
  durationMs: null,
  steps: plan.steps.map((step) => ({ ...step, state: 'pending', startedMs: null, durationMs: null })),
  result: null,
  error: null,
});

/** Finds the pod's device on a slot; builds a record from the pod's if the store has already removed the device's. */
export const findDeviceOnSlot = (
  kernel: KernelContext,
  pod: LivePod,
  { slot, kind, primary, peer }: DeviceReference,
): DeviceRecord =>
  pod.devices.find((device) => device.slot === slot) ?? {
    id: 0,
    createdAt: new Date(),
    ...buildDeviceRecord(
      pod.record,
      kind,
      chooseHooks(kernel, pod.record, kind),
      slot,
      getCurrentDevice(pod).primaryName,
    ),
    foreignIfindexes: isForeignIfindex(primary.ifindex)
      ? { primary: primary.ifindex, peer: peer.ifindex }
      : null,
  };
