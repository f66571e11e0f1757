import type { QueueSetting } from '../../kernel/interface-queues.ts';

/**
 * Counts the queues in use of an interface by their settings. The kernel reports how many there may be
 * (IFLA_NUM_TX_QUEUES); sysfs has those in use.
 */
export const countQueues = (settings: readonly QueueSetting[]): { transmit: number; receive: number } => {
  const used = (prefix: string): number =>
    new Set(settings.filter(({ path }) => path.startsWith(prefix)).map(({ path }) => path.split('/')[0]))
      .size;
  return { transmit: Math.max(1, used('tx-')), receive: Math.max(1, used('rx-')) };
};
