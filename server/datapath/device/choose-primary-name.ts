import type { KernelContext } from '../kernel-context.ts';
import { formatPrimaryName } from '../slot-allocator.ts';

/** Chooses a name for the primary of a new pod that no interface of the host has. It stays with the pod. */
export function choosePrimaryName({ interfaces }: Pick<KernelContext, 'interfaces'>, slot: number): string {
  for (let number = 1; ; number++) {
    const name = number === 1 ? formatPrimaryName(slot) : `${formatPrimaryName(slot)}-${number}`;
    if (!interfaces.hasName(name)) return name;
  }
}
