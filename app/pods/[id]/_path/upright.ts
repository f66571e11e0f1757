import type { DeviceKind } from '../../../../contract/device.ts';
import { arrow, stackHeight } from './shape.ts';
import type { Box, GatePlace, Stretch } from './wide.ts';

export interface UprightLayout {
  width: number;
  height: number;
  /** y of the namespace edge */
  edge: number;
  container: Box;
  device: Box;
  veth: { peer: Box; primary: Box; cable: { from: number; to: number; middle: number } } | null;
  host: Box;
  uplink: Box | null;
  /** y of the list of pods */
  pods: number;
  tracks: { out: number; in: number };
  gates: { out: GatePlace; in: GatePlace };
  stretches: Stretch[];
  foot: number;
}

/** Widest the upright drawing gets: beyond it lines only grow apart. */
const widest = 560;

/**
 * Lays the path out from top to bottom, for phones and narrow windows; the tracks run down at x = 40 and 68,
 * and two rails on the right lead from the host stack to the pods below.
 * @param podRows lines of the list of pods, to know the height
 */
export function uprightLayout(
  available: number,
  kind: DeviceKind,
  programs: { out: number; in: number },
  hasUplink: boolean,
  podRows: number,
): UprightLayout {
  const width = Math.min(available, widest);
  const netkit = kind === 'netkit';
  const out = 40;
  const inn = 68;
  const chipX = 104;
  const outStack = stackHeight(programs.out);
  const inStack = stackHeight(programs.in);
  const deviceTop = 132;
  // netkit: chip, edge, chip. veth: cable across the edge, then both chips beside the primary.
  const outChips = netkit ? deviceTop : 292;
  const edge = netkit ? deviceTop + outStack + 50 : 258;
  const inChips = netkit ? edge + 60 : outChips + outStack + 10;
  const deviceEnd = inChips + inStack + (netkit ? 24 : 8);
  const hostTop = deviceEnd + 32;
  const host: Box = { x: 0, y: hostTop, width: Math.min(236, width - 122), height: 96 };
  const hostEnd = host.y + host.height;
  const uplink: Box | null = hasUplink ? { x: 0, y: hostEnd + 46, width: width - 56, height: 72 } : null;
  const pods = (uplink === null ? hostEnd : uplink.y + uplink.height) + 38;
  const rail = { out: width - 34, in: width - 10 };
  const gateOut = outChips + 36;
  const gateIn = inChips + 36;
  const primaryTop = 292;
  const device: Box = { x: 20, y: deviceTop, width: 68, height: deviceEnd - deviceTop };
  const along = (x: number): string =>
    netkit ? `M${x} 108V${hostTop}` : `M${x} 108V184M${x} ${primaryTop}V${hostTop}`;
  const stretches: Stretch[] = [
    {
      id: 'device-out',
      d: along(out),
      direction: 'out',
      whose: 'pod',
      arrow: arrow(out, hostTop - 1, 'down'),
    },
    { id: 'device-in', d: along(inn), direction: 'in', whose: 'pod', arrow: arrow(inn, 109, 'up') },
    {
      id: 'pods-out',
      d: `M${host.width} ${hostTop + 60}H${rail.out - 14}Q${rail.out} ${hostTop + 60} ${rail.out} ${hostTop + 74}V${pods - 8}`,
      direction: 'out',
      whose: 'pods',
      arrow: arrow(rail.out, pods - 1, 'down'),
    },
    {
      id: 'pods-in',
      d: `M${host.width + 8} ${hostTop + 36}H${rail.in - 14}Q${rail.in} ${hostTop + 36} ${rail.in} ${hostTop + 50}V${pods}`,
      direction: 'in',
      whose: 'pods',
      arrow: arrow(host.width + 1, hostTop + 36, 'left'),
    },
  ];
  if (uplink !== null)
    stretches.push(
      {
        id: 'uplink-out',
        d: `M${out} ${hostEnd}V${uplink.y - 8}`,
        direction: 'out',
        whose: 'uplink',
        arrow: arrow(out, uplink.y - 1, 'down'),
      },
      {
        id: 'uplink-in',
        d: `M${inn} ${hostEnd + 8}V${uplink.y}`,
        direction: 'in',
        whose: 'uplink',
        arrow: arrow(inn, hostEnd + 1, 'up'),
      },
    );
  const foot = pods + 20 + podRows * 20 + 24;
  const place = (x: number, y: number, top: number): GatePlace => ({
    x,
    y,
    upright: true,
    chips: { x: chipX, y: top, width: width - chipX - 24 },
    leader: `M${x + 13} ${y}H${chipX}`,
    drop:
      x === out
        ? `M${x - 13} ${y + 4}l-12 14m-4-4l8 8m0-8l-8 8`
        : `M${x + 6} ${y + 7}l12 14m-4-4l8 8m0-8l-8 8`,
  });
  return {
    width,
    height: foot + 66,
    edge,
    container: { x: 0, y: 0, width, height: 108 },
    device,
    veth: netkit
      ? null
      : {
          peer: { x: 20, y: deviceTop, width: 68, height: 52 },
          primary: { x: 20, y: primaryTop, width: 68, height: deviceEnd - primaryTop },
          cable: { from: 196, to: 280, middle: 54 },
        },
    host,
    uplink,
    pods,
    tracks: { out, in: inn },
    gates: { out: place(out, gateOut, outChips), in: place(inn, gateIn, inChips) },
    stretches,
    foot,
  };
}
