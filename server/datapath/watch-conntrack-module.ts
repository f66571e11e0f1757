import { existsSync } from 'node:fs';
import type { TaskScope } from '../async/task-scope.ts';

/** Milliseconds between two looks: the kernel tells nobody in another network namespace that a module was loaded. */
const watchMs = 1000;

/** Exists while nf_conntrack is loaded, or built into the kernel. */
const conntrackModule = '/sys/module/nf_conntrack';

/**
 * Calls `appeared` once nf_conntrack is loaded, as the first NAT rule of a node does. A refusal is tried again when the
 * module was unloaded and loaded anew.
 * @param isUsed true if the programs use conntrack already
 */
export function watchConntrackModule(
  scope: TaskScope,
  isUsed: () => boolean,
  appeared: () => Promise<void>,
): void {
  let there = isUsed();
  scope.every(watchMs, () => {
    const before = there;
    there = existsSync(conntrackModule);
    return there && !before && !isUsed() ? appeared() : undefined;
  });
}
