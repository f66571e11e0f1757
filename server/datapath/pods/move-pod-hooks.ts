import { type DatapathContext, formatPodName } from '../datapath-context.ts';
import { moveProgramsToHooks } from '../device/move-hooks.ts';
import { podlaneProgramHooks } from '../device/program-hooks.ts';
import { withPod } from '../pod-activity.ts';
import { getCurrentDevice, type LivePod } from '../pod-registry.ts';

/** Moves Podlane's programs of a pod's netkit device and publishes it. @throws ProblemError as `moveProgramsToHooks` */
export async function movePodHooks(
  context: DatapathContext,
  pod: LivePod,
  to: 'device' | 'primary',
  actor: string,
): Promise<void> {
  const what = `move the programs of ${formatPodName(pod)} to the ${to === 'device' ? 'netkit hooks' : 'primary'}`;
  await withPod(pod, { type: 'moving-hooks' }, what, () => moveProgramsToHooks(context, pod, to, what));
  context.publish.pod(pod);
  const { hooks, primaryName } = getCurrentDevice(pod);
  await context.publish.event({
    type: 'hooks.moved',
    severity: 'info',
    podId: pod.record.id,
    migrationId: null,
    message: `${actor} moved the programs of ${formatPodName(pod)} to ${Object.values(podlaneProgramHooks[hooks]).join(' and ')} of ${primaryName}`,
  });
}
