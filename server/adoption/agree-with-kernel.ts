import type { Logger } from 'pino';
import { ProblemError } from '../../contract/problem.ts';
import { adoptState } from './adopt-state.ts';
import type { AdoptionStore } from './adoption-store.ts';
import { KernelRecords } from './kernel-records.ts';
import { resetState } from './reset-state.ts';
import { undoBegunPods } from './undo-begun-pods.ts';
import { findUnknownState, listPinnedDevices, type UnknownState } from './unknown-state.ts';

/** What an agent does with kernel state that its store does not know. */
export type UnknownStateChoice = 'refuse' | 'adopt' | 'reset';

export interface AgreementOptions {
  pins: string;
  /** Path of the database, for messages. */
  database: string;
  records: KernelRecords;
  store: AdoptionStore;
  choice: UnknownStateChoice;
  /** True if the node belongs to a cluster, which tells its rules again. */
  inCluster: boolean;
  log: Logger;
}

/**
 * Makes sure that the store knows every device and rule of this agent's pins before anything in the kernel is changed.
 * @returns the records to keep from now on: those given, or new ones after a reset
 * @throws ProblemError `unknown_state` if it does not and neither adopting nor a reset was asked for
 */
export async function agreeWithKernel(options: AgreementOptions): Promise<KernelRecords> {
  const { pins, store, choice, inCluster, log } = options;
  let { records } = options;
  if (choice === 'reset') {
    const message = await resetState(pins, await listPinnedDevices(pins, records), store);
    records.close();
    records = KernelRecords.open(pins);
    log.warn(message);
    await store.addEvent({ ...aboutNode, type: 'state.reset', severity: 'warning', message });
  } else {
    await undoBegunPods(pins, records, store, log);
    const unknown = await findUnknownState(pins, records, store, inCluster);
    if (unknown.devices.length > 0 || unknown.rules !== null) {
      if (choice === 'refuse') throw unknownStateError(options, unknown);
      const message = await adoptState(pins, unknown, records, store);
      log.warn(message);
      await store.addEvent({ ...aboutNode, type: 'state.adopted', severity: 'warning', message });
    }
  }
  const [pods, devices] = await Promise.all([store.pods(), store.devices()]);
  const stored = pods.map(async (pod) => ({
    pod,
    devices: devices.filter(({ podId }) => podId === pod.id),
    settings: await store.settingsOf(pod.id),
  }));
  records.replacePods(await Promise.all(stored));
  records.saveNodeSettings(await store.settingsOf('node'));
  return records;
}

const aboutNode = { podId: null, migrationId: null } as const;

function unknownStateError(
  { pins, database }: AgreementOptions,
  { devices, rules }: UnknownState,
): ProblemError {
  const named = devices.map(({ primary, record }) =>
    record === null ? (primary.alias ?? primary.name) : `${record.pod.namespace}/${record.pod.name}`,
  );
  const pods = [...new Set(named)];
  const shown =
    pods.length > 5 ? `${pods.slice(0, 5).join(', ')} and ${pods.length - 5} more` : pods.join(', ');
  const found = [
    ...(pods.length > 0 ? [`${pods.length} pods (${shown})`] : []),
    ...(rules === null ? [] : [`active access rules${rules.record === null ? '' : ` ${rules.record.name}`}`]),
  ];
  return new ProblemError(
    'unknown_state',
    `start on the pins at ${pins}: the kernel has ${found.join(' and ')} that the database ${database} does not know`,
    {
      hint:
        'Nothing was changed; pods keep their network and rules stay in force. Give the --database that they belong to, ' +
        'or start once with --adopt to read them back from the kernel, or with --reset to remove all of it.',
    },
  );
}
