'use client';

import { useState } from 'react';

/**
 * Returns the state of a switch whose value the agent stores: the user's choice at once, and the stored value after the
 * response. Otherwise the browser would reset the switch until the mutation's state is rendered.
 */
export function useOptimisticSwitch(
  held: boolean,
  keep: (chosen: boolean) => Promise<unknown>,
): { checked: boolean; pending: boolean; choose: (chosen: boolean) => void } {
  const [chosen, setChosen] = useState<boolean | null>(null);
  const choose = (wanted: boolean): void => {
    setChosen(wanted);
    // The mutation shows its error.
    keep(wanted)
      .catch(() => {})
      .finally(() => setChosen(null));
  };
  return { checked: chosen ?? held, pending: chosen !== null, choose };
}
