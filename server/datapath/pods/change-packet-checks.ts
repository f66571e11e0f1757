import type { PacketChecks } from '../../../contract/packet-checks.ts';
import { type DatapathContext, formatPodName } from '../datapath-context.ts';
import { writeSlotEntry } from '../device/podlane-programs.ts';
import { withPod } from '../pod-activity.ts';
import type { LivePod } from '../pod-registry.ts';

/** Changes a pod's packet checks and publishes it. @throws ProblemError `migration_running`, `pod_busy`, `store_failed` */
export async function changePacketChecks(
  context: DatapathContext,
  pod: LivePod,
  checks: PacketChecks,
  actor: string,
): Promise<void> {
  const name = formatPodName(pod);
  await withPod(pod, { type: 'changing-checks' }, `change the packet checks of ${name}`, () =>
    savePacketChecks(context, pod, checks),
  );
  context.publish.pod(pod);
  await context.publish.event({
    type: 'checks.changed',
    severity: checks.source === 'off' ? 'warning' : 'info',
    podId: pod.record.id,
    migrationId: null,
    message: `${actor} changed the packet checks of ${name}: ${describePacketChecks(checks)}`,
  });
}

/** Stores a pod's packet checks and writes them to the maps, from which each packet reads them. */
async function savePacketChecks(
  { kernel, store }: DatapathContext,
  pod: LivePod,
  checks: PacketChecks,
): Promise<void> {
  const network = { ...pod.record.network, checks };
  await store.savePodNetwork(pod.record.id, network);
  pod.record = { ...pod.record, network };
  for (const device of pod.devices) writeSlotEntry(kernel, pod.record, device);
}

/** Describes packet checks as part of a sentence. */
function describePacketChecks({ source, sourcePrefixes, ethertypes }: PacketChecks): string {
  const sources =
    source === 'off'
      ? 'any source passes'
      : `sources are ${['its own addresses', ...sourcePrefixes].join(', ')}`;
  return ethertypes.length === 0 ? sources : `${sources}; frames of type ${ethertypes.join(', ')} pass`;
}
