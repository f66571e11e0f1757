/** The least of 1, 2, 3, 4, 6, 8, 10, 20 … that is not under `value`; 1 for nothing. Its half is as round. */
export function niceCeiling(value: number): number {
  if (!(value > 0)) return 1;
  const power = 10 ** Math.floor(Math.log10(value));
  for (const step of [1, 2, 3, 4, 6, 8, 10]) {
    // The tolerance keeps 0.3 / 0.1 = 2.9999… and its like on their own step.
    if (value <= step * power * (1 + 1e-9)) return step * power;
  }
  return 10 * power;
}

/** The top of a scale, and since when less would have been enough. */
export interface AxisScale {
  top: number;
  roomSince: number | null;
}

const patience = 30_000;

/**
 * A scale grows at once and shrinks only when less has been enough for 30 s, so that it does not breathe.
 * @param highest the highest value shown
 * @param now ms
 */
export function nextAxisScale(scale: AxisScale | null, highest: number, now: number): AxisScale {
  const wanted = niceCeiling(highest);
  if (scale === null || wanted > scale.top) return { top: wanted, roomSince: null };
  if (wanted === scale.top) return scale.roomSince === null ? scale : { top: scale.top, roomSince: null };
  if (scale.roomSince === null || now < scale.roomSince) return { top: scale.top, roomSince: now };
  return now - scale.roomSince >= patience ? { top: wanted, roomSince: null } : scale;
}
