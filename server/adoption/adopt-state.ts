import { ProblemError } from '../../contract/problem.ts';
import type { StoredPod } from '../store/records.ts';
import type { AdoptionStore } from './adoption-store.ts';
import type { KernelRecords } from './kernel-records.ts';
import { readPodFromKernel } from './read-pod-from-kernel.ts';
import { readGeneration, type UnknownState } from './unknown-state.ts';

/** Name of the stored setting that holds the staged rules. */
const stagedSetting = 'rules.staged';

/**
 * Reads pods and rules that the store does not know back from the kernel. Nothing in the kernel is changed.
 * @returns a sentence that says what was adopted
 * @throws ProblemError `unknown_state` if something cannot be read back, `pod_exists`
 */
export async function adoptState(
  pins: string,
  unknown: UnknownState,
  records: KernelRecords,
  store: AdoptionStore,
): Promise<string> {
  if (unknown.rules?.record === null)
    throw new ProblemError(
      'unknown_state',
      'adopt the active access rules: an earlier version of Podlane loaded them, which did not keep their text in the kernel',
      {
        hint: 'Nothing was changed; the rules stay in force. Give the --database with their text, or remove everything with --reset.',
      },
    );
  const pods = new Map<string, StoredPod>();
  for (const device of unknown.devices) {
    const found = device.record ?? (await readPodFromKernel(pins, device));
    pods.set(found.pod.id, found);
  }
  for (const found of pods.values()) await store.adoptPod(found);
  const adopted = [...pods.values()].map(({ pod }) => `${pod.namespace}/${pod.name}`);
  if (unknown.rules !== null) {
    const { record } = unknown.rules;
    if (record.text === null)
      adopted.push('no rules (those of a cluster’s NetworkPolicies apply again with --kubernetes)');
    else {
      await store.adoptRuleVersion(record);
      adopted.push(`access rules ${record.name ?? ''} (version ${record.number})`);
    }
    const { staged } = records.rules();
    const generation = readGeneration(pins, 'staged', [...staged.keys()]);
    const stagedRecord = generation === null ? undefined : staged.get(generation);
    if (stagedRecord !== undefined) {
      const last = await store.lastRuleVersion();
      await store.saveSetting('node', stagedSetting, { ...stagedRecord, base: last?.number ?? 0 });
      adopted.push('the staged access rules');
    }
  }
  return `The agent adopted ${adopted.join(', ')} from the kernel. ${await adoptSettings([...pods.values()], records, store)}`;
}

/**
 * Reads the settings of the node back where the store has none. Those of pods came with their records.
 * @returns sentences that say which settings came back, and what is not in the kernel
 */
async function adoptSettings(
  pods: readonly StoredPod[],
  records: KernelRecords,
  store: AdoptionStore,
): Promise<string> {
  const settings = records.nodeSettings();
  const adopted: string[] = [];
  for (const [name, value] of Object.entries(settings ?? {}))
    if ((await store.setting('node', name)) === null) {
      await store.saveSetting('node', name, value);
      adopted.push(`${name} of the node`);
    }
  for (const { pod, settings } of pods)
    for (const name of Object.keys(settings)) adopted.push(`${name} of ${pod.namespace}/${pod.name}`);
  const unknown =
    settings === null
      ? 'Settings of the node and of pods without records have their defaults, except for a redirect that is off; so have labels and routes of these pods.'
      : '';
  return [
    adopted.length > 0 ? `Settings that came back: ${adopted.join(', ')}.` : '',
    unknown,
    'Events, journals of migrations and batches, and files of builds are not in the kernel: a batch that ran has ended, and a chosen build whose file is gone is replaced by the bundled one',
  ]
    .filter((sentence) => sentence !== '')
    .join(' ');
}
