import type { DeviceKind } from '../../../../contract/device.ts';
import type { HookPosition, PacketFlowLine, PathLayoutBox, PathLayoutContent } from './horizontal-layout.ts';
import { buildArrowHeadPath, computeChipStackHeight } from './svg-shapes.ts';

export interface VerticalPathLayout {
  width: number;
  height: number;
  /** Y coordinate of the edge between the two namespaces. */
  edge: number;
  container: PathLayoutBox;
  device: PathLayoutBox;
  veth: {
    peer: PathLayoutBox;
    primary: PathLayoutBox;
    cable: { from: number; to: number; middle: number };
  } | null;
  host: PathLayoutBox;
  uplink: PathLayoutBox | null;
  /** Y coordinate of the list of other pods. */
  pods: number;
  tracks: { egress: number; ingress: number };
  hooks: { egress: HookPosition; ingress: HookPosition };
  stretches: PacketFlowLine[];
  foot: number;
}

/** Maximum width of the vertical path diagram, px. */
const maxWidth = 560;

/**
 * Lays out the path diagram from top to bottom, for phones and narrow windows. The flows run down at x = 40 and 68;
 * lines on the right lead to the pods at the bottom: the outer ones for redirected packets, the inner ones for those
 * of the host stack.
 * @param podRows number of lines of the list of other pods
 */
export function computeVerticalPathLayout(
  available: number,
  kind: DeviceKind,
  programs: { egress: number; ingress: number },
  hasUplink: boolean,
  podRows: number,
  { atPrimary = kind === 'veth', addresses = 1, facts = 3 }: PathLayoutContent = {},
): VerticalPathLayout {
  const width = Math.min(available, maxWidth);
  const netkit = kind === 'netkit';
  const egress = 40;
  const ingress = 68;
  const chipX = 104;
  const outStack = computeChipStackHeight(programs.egress);
  const inStack = computeChipStackHeight(programs.ingress);
  const container: PathLayoutBox = { x: 0, y: 0, width, height: 90 + 18 * addresses };
  const deviceTop = container.height + 24;
  const cable = { from: deviceTop + 64, to: deviceTop + 148, middle: 54 };
  // A chip on each side of the edge. With both hooks on the host both chips are below it, with veth below the cable.
  const edge = deviceTop + (netkit ? (atPrimary ? 50 : outStack + 50) : 126);
  const outChips = atPrimary ? edge + 34 : deviceTop;
  const inChips = atPrimary ? outChips + outStack + 10 : edge + 60;
  const deviceEnd = inChips + inStack + (netkit ? 24 : 8);
  const join = deviceEnd + 14;
  const hostTop = deviceEnd + 56;
  const host: PathLayoutBox = { x: 0, y: hostTop, width: Math.min(236, width - 122), height: 96 };
  const hostEnd = host.y + host.height;
  const uplink: PathLayoutBox | null = hasUplink
    ? { x: 0, y: hostEnd + 46, width: width - 80, height: 72 }
    : null;
  const pods = (uplink === null ? hostEnd : uplink.y + uplink.height) + 58;
  const rail = {
    redirectEgress: width - 6,
    redirectIngress: width - 25,
    podsOut: width - 63,
    podsIn: width - 44,
  };
  const hookOut = outChips + 36;
  const hookIn = inChips + 36;
  const primaryTop = outChips;
  const device: PathLayoutBox = { x: 20, y: deviceTop, width: 68, height: deviceEnd - deviceTop };
  const chipsEnd = width - 24;
  const inside = (x: number, to: number): string =>
    netkit
      ? `M${x} ${container.height}V${to}`
      : `M${x} ${container.height}V${deviceTop + 52}M${x} ${primaryTop}V${to}`;
  /** Returns the part of an SVG path that runs to the right at height `y` up to `to`, then down to `end`. */
  const down = (y: number, to: number, end: number): string =>
    `H${to - 14}Q${to} ${y} ${to} ${y + 14}V${end}`;
  const stretches: PacketFlowLine[] = [
    { id: 'pod-egress', d: inside(egress, hookOut), arrow: null },
    {
      id: 'pod-ingress',
      d: inside(ingress, join),
      arrow: buildArrowHeadPath(ingress, container.height + 1, 'up'),
    },
    {
      id: 'host-egress',
      d: `M${egress} ${hookOut}V${hostTop}`,
      arrow: buildArrowHeadPath(egress, hostTop - 1, 'down'),
    },
    { id: 'host-ingress', d: `M${ingress} ${join}V${hostTop}`, arrow: null },
    {
      id: 'redirect-egress',
      d: `M${chipsEnd} ${outChips + 24}${down(outChips + 24, rail.redirectEgress, pods - 8)}`,
      arrow: buildArrowHeadPath(rail.redirectEgress, pods - 1, 'down'),
    },
    {
      id: 'redirect-ingress',
      d: `M${ingress} ${join - 12}Q${ingress} ${join} ${ingress + 12} ${join}${down(join, rail.redirectIngress, pods)}`,
      arrow: buildArrowHeadPath(ingress, join - 13, 'up'),
    },
    {
      id: 'pods-egress',
      d: `M${host.width} ${hostTop + 60}${down(hostTop + 60, rail.podsOut, pods - 8)}`,
      arrow: buildArrowHeadPath(rail.podsOut, pods - 1, 'down'),
    },
    {
      id: 'pods-ingress',
      d: `M${host.width + 8} ${hostTop + 36}${down(hostTop + 36, rail.podsIn, pods)}`,
      arrow: buildArrowHeadPath(host.width + 1, hostTop + 36, 'left'),
    },
  ];
  if (uplink !== null)
    stretches.push(
      {
        id: 'uplink-egress',
        d: `M${egress} ${hostEnd}V${uplink.y - 8}`,
        arrow: buildArrowHeadPath(egress, uplink.y - 1, 'down'),
      },
      {
        id: 'uplink-ingress',
        d: `M${ingress} ${hostEnd + 8}V${uplink.y}`,
        arrow: buildArrowHeadPath(ingress, hostEnd + 1, 'up'),
      },
    );
  const foot = pods + 20 + podRows * 20 + 24;
  const place = (x: number, y: number, top: number): HookPosition => ({
    x,
    y,
    upright: true,
    chips: { x: chipX, y: top, width: width - chipX - 24 },
    leader: `M${x + 13} ${y}H${chipX}`,
    drop:
      x === egress
        ? `M${x - 13} ${y + 4}l-12 14m-4-4l8 8m0-8l-8 8`
        : `M${x + 6} ${y + 7}l12 14m-4-4l8 8m0-8l-8 8`,
  });
  return {
    width,
    height: foot + facts * 18 + 12,
    edge,
    container,
    device,
    veth: netkit
      ? null
      : {
          peer: { x: 20, y: deviceTop, width: 68, height: 52 },
          primary: { x: 20, y: primaryTop, width: 68, height: deviceEnd - primaryTop },
          cable,
        },
    host,
    uplink,
    pods,
    tracks: { egress, ingress },
    hooks: { egress: place(egress, hookOut, outChips), ingress: place(ingress, hookIn, inChips) },
    stretches,
    foot,
  };
}
