'use client';

import { useCallback, useEffect, useMemo, useState } from 'react';
import type { DeviceKind } from '../../../../contract/device.ts';
import type { MigrationPlan } from '../../../../contract/migration.ts';
import { needsAcceptance } from '../../../../contract/migration-items.ts';

/** The items of a plan that have to be accepted, and whether the user has accepted them. */
export interface AcceptedItems {
  /** Ids of the items that have to be accepted. */
  required: readonly string[];
  /** True if each of them is accepted. */
  complete: boolean;
  /** Accepts all items that are required now, or none. */
  choose: (accept: boolean) => void;
}

const none: ReadonlySet<string> = new Set();

/**
 * Remembers which items of a plan the user has accepted, by id: an item that a plan read later has in addition is not
 * accepted by that.
 * @param to target of the plan; null without one
 */
export function useAcceptedItems(plan: MigrationPlan | undefined, to: DeviceKind | null): AcceptedItems {
  const [accepted, setAccepted] = useState(none);
  // biome-ignore lint/correctness/useExhaustiveDependencies: acceptance belongs to one opening of the sheet
  useEffect(() => setAccepted(none), [to]);
  const required = useMemo(
    // A refused migration does not run, whatever is accepted.
    () => (plan?.allowed ? plan.items.filter(needsAcceptance).map(({ id }) => id) : []),
    [plan],
  );
  const choose = useCallback((accept: boolean) => setAccepted(accept ? new Set(required) : none), [required]);
  return { required, complete: required.every((id) => accepted.has(id)), choose };
}
