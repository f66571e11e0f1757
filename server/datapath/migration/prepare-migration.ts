import { randomUUID } from 'node:crypto';
import type { DeviceKind } from '../../../contract/device.ts';
import type { Migration, MigrationPlan } from '../../../contract/migration.ts';
import { slotToPeerIfindex } from '../../bpf/datapath-structs.ts';
import { getLink } from '../../netlink/link.ts';
import type { DeviceRecord, NewDeviceRecord } from '../../store/records.ts';
import { chooseNetkitPolicy, isKernelIpv6Enabled } from '../device/device-pair.ts';
import { type DeviceNetworkState, readDeviceNetworkState } from '../device/network-state.ts';
import { buildSlotEntry } from '../device/podlane-programs.ts';
import { defaultHookFamily } from '../device/program-hooks.ts';
import { hasKernelCapability, type KernelContext } from '../kernel-context.ts';
import type { PodNamespace } from '../pod-namespaces.ts';
import { getCurrentDevice, type LivePod, toDeviceRef } from '../pod-registry.ts';
import { buildDeviceRecord } from '../pods/create-pod-device.ts';
import { formatPlanScript } from './plan-script.ts';
import { type PreflightInput, runPreflightChecks } from './preflight.ts';
import { planMigrationSteps } from './step-list.ts';

/** Migration plan with the network state that the migration carries over and the record of the new device. */
export interface PreparedMigration {
  plan: MigrationPlan;
  networkState: DeviceNetworkState;
  device: NewDeviceRecord;
}

/** Plans a pod's migration to a device kind on a slot from the current kernel state, without changing anything. */
export async function prepareMigration(
  kernel: KernelContext,
  pod: LivePod,
  namespace: PodNamespace,
  to: DeviceKind,
  slot: number,
  { obstacle, recreate }: Pick<PreflightInput, 'obstacle' | 'recreate'>,
): Promise<PreparedMigration> {
  const current = getCurrentDevice(pod);
  const networkState = await readDeviceNetworkState(kernel, namespace, current);
  const peer = await getLink(namespace.socket, { ifindex: slotToPeerIfindex(current.slot) });
  const checks = await runPreflightChecks(kernel, pod, namespace, {
    to,
    slot,
    networkState,
    obstacle,
    recreate,
  });
  const from = toDeviceRef(current, peer?.name ?? pod.record.network.interface);
  // A device of the same kind gets its programs on the hooks that the old one uses.
  const hooks = current.kind === to ? current.hooks : defaultHookFamily(kernel, to);
  const device = buildDeviceRecord(pod.record, to, hooks, slot);
  const target = toDeviceRef(device);
  const steps = planMigrationSteps({
    from,
    to: target,
    device,
    policy: chooseNetkitPolicy(pod.record.network, device),
    netns: pod.record.netnsPath,
    network: pod.record.network,
    ...networkState,
    pins: kernel.programs.pins,
    slotEntry: buildSlotEntry(kernel, pod.record, device),
    liveRename: hasKernelCapability(kernel, 'live-rename'),
    ipv6: isKernelIpv6Enabled(),
  });
  return {
    networkState,
    device,
    plan: {
      podId: pod.record.id,
      direction: current.kind === to ? 'recreation' : to === 'veth' ? 'fallback' : 'promotion',
      from,
      to: target,
      allowed: checks.every((check) => check.state !== 'refused'),
      checks,
      steps,
      script: formatPlanScript({ namespace: pod.record.namespace, name: pod.record.name, kind: to }, steps),
    },
  };
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
  slot: number,
  kind: DeviceKind,
): DeviceRecord =>
  pod.devices.find((device) => device.slot === slot) ?? {
    id: 0,
    createdAt: new Date(),
    ...buildDeviceRecord(pod.record, kind, defaultHookFamily(kernel, kind), slot),
  };
