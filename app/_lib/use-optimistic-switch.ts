'use client';

import { useState } from 'react';

/**
 * A switch that the agent keeps: it shows what was chosen in the same moment, and what holds once that is answered. A
 * mutation tells of itself a moment later, in which the browser would put the switch back.
 */
export function useOptimisticSwitch(
  held: boolean,
  keep: (chosen: boolean) => Promise<unknown>,
): { checked: boolean; pending: boolean; choose: (chosen: boolean) => void } {
  const [chosen, setChosen] = useState<boolean | null>(null);
  const choose = (wanted: boolean): void => {
    setChosen(wanted);
    // Whoever keeps it tells of a failure.
    keep(wanted)
      .catch(() => {})
      .finally(() => setChosen(null));
  };
  return { checked: chosen ?? held, pending: chosen !== null, choose };
}
