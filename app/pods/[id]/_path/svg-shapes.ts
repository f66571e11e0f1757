/** Size of a hook's symbol across and along its line, px. */
export const hookSymbolSize = { across: 14, along: 26 };
/** Height of a program chip and the gap to the next chip, px. */
export const programChipSize = { height: 76, gap: 6 };

/**
 * Returns the width of a flow's line, which grows with the logarithm of its packet rate: 2 px at 1 packet/s, 7 px at a
 * million. Null for no packets, which is drawn as a dotted line.
 */
export function computeFlowLineWidth(packetsPerSecond: number): number | null {
  if (!(packetsPerSecond > 0)) return null;
  const width = 2 + (5 * Math.log10(Math.max(1, packetsPerSecond))) / 6;
  return Math.min(7, Math.round(width * 100) / 100);
}

/**
 * Returns the width of the dashes on a flow's line; they are narrower than the line, so that its edge stays visible.
 */
export const computeFlowDashWidth = (width: number): number => Math.max(1.5, Math.round(width * 42) / 100);

/**
 * Returns the SVG path of one wire of a twisted pair from `from` to `to`: a cosine around `middle`.
 * @param start side of the axis on which the wire starts: −1 above (left), 1 below (right)
 */
export function buildTwistedWirePath(
  from: number,
  to: number,
  middle: number,
  start: 1 | -1,
  upright: boolean,
): string {
  const amplitude = 10;
  const turns = Math.max(1, Math.round((to - from) / 52));
  const points: string[] = [];
  const steps = turns * 20;
  for (let step = 0; step <= steps; step++) {
    const along = from + ((to - from) * step) / steps;
    const across = middle + start * amplitude * Math.cos((2 * Math.PI * turns * step) / steps);
    const [x, y] = upright ? [across, along] : [along, across];
    points.push(`${x.toFixed(1)} ${y.toFixed(1)}`);
  }
  return `M${points.join('L')}`;
}

/** Returns the SVG path of an arrow head, 8 px long and 10 px wide, with its tip at (x, y). */
export function buildArrowHeadPath(x: number, y: number, towards: 'right' | 'left' | 'down' | 'up'): string {
  if (towards === 'right') return `M${x} ${y}l-8-5v10z`;
  if (towards === 'left') return `M${x} ${y}l8-5v10z`;
  if (towards === 'down') return `M${x} ${y}l-5-8h10z`;
  return `M${x} ${y}l-5 8h10z`;
}

/** Returns the height in px of a hook's stacked program chips; an empty hook has the height of one chip. */
export const computeChipStackHeight = (programs: number): number =>
  Math.max(1, programs) * programChipSize.height + (Math.max(1, programs) - 1) * programChipSize.gap;
