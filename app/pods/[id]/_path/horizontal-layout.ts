import type { DeviceKind } from '../../../../contract/device.ts';
import type { PacketFlow } from './packet-flows.ts';
import { buildArrowHeadPath, computeChipStackHeight } from './svg-shapes.ts';

/** Line of a packet flow in the path diagram. Its SVG path starts at the pod's end, whatever the packets' direction. */
export interface PacketFlowLine {
  id: PacketFlow;
  d: string;
  arrow: string | null;
  /** Part of the flow's SVG path that crosses over another line. */
  over?: string;
}

/** Properties of the device and of the texts that the path diagram's layout depends on. */
export interface PathLayoutContent {
  /** True if both hooks are on the host: always for veth, in attach fallback for netkit. */
  atPrimary?: boolean;
  /** Number of address lines in the container's box. */
  addresses?: number;
  /** Number of lines in the longer column of facts below the path diagram. */
  facts?: number;
}

export interface PathLayoutBox {
  x: number;
  y: number;
  width: number;
  height: number;
}

/** Position of a hook and of its program chips in the path diagram; `leader` is the SVG path that connects the two. */
export interface HookPosition {
  x: number;
  y: number;
  upright: boolean;
  chips: { x: number; y: number; width: number };
  leader: string;
  /** SVG path of the cross that marks dropped packets. */
  drop: string;
}

export interface HorizontalPathLayout {
  width: number;
  height: number;
  edge: number;
  container: PathLayoutBox;
  /** Box of the whole device, from the outer edge of the peer to that of the primary. */
  device: PathLayoutBox;
  /** Boxes of both ends of a veth device and the cable between them; null for netkit. */
  veth: {
    peer: PathLayoutBox;
    primary: PathLayoutBox;
    cable: { from: number; to: number; middle: number };
  } | null;
  host: PathLayoutBox;
  destinations: { x: number; width: number; podsY: number; uplink: PathLayoutBox };
  /**
   * Positions of two labels: left and top edge of the redirect label, right and top edge of the host route's label.
   */
  labels: { redirect: { x: number; y: number }; hostRoute: { right: number; y: number } };
  tracks: { egress: number; ingress: number };
  hooks: { egress: HookPosition; ingress: HookPosition };
  stretches: PacketFlowLine[];
  /** Y coordinate of the facts below the path diagram. */
  foot: number;
  /** X coordinate of the route facts, to the right of the program chips. */
  routes: number;
}

/** Width in px below which the vertical layout is used, because boxes would overlap. */
export const minHorizontalPathWidth = 1200;

/**
 * Lays out the path diagram from left to right: container, device, host stack, destinations. The coordinates are for a
 * width of 1392 px. More width is added to the device and the gaps; less is also taken from the host's box.
 * @param programs number of programs per direction, whose chips are stacked
 */
export function computeHorizontalPathLayout(
  width: number,
  kind: DeviceKind,
  programs: { egress: number; ingress: number },
  hasUplink: boolean,
  { atPrimary = kind === 'veth', addresses = 1, facts = 3 }: PathLayoutContent = {},
): HorizontalPathLayout {
  const spare = width - 1392;
  const above = computeChipStackHeight(programs.egress) - computeChipStackHeight(1);
  const below = computeChipStackHeight(programs.ingress) - computeChipStackHeight(1);
  const egress = 170 + above;
  const ingress = egress + 28;
  const share =
    spare < 0
      ? { device: 0.12, gap: 0.1, host: 0.25, destinations: 0.17 }
      : { device: 0.5, gap: 0.15, host: 0, destinations: 0 };
  const deviceEnd = Math.round(636 + spare * share.device);
  const hostX = deviceEnd + Math.round(88 + spare * share.gap);
  const host: PathLayoutBox = {
    x: hostX,
    y: egress - 30,
    width: Math.round(224 + spare * share.host),
    height: 96,
  };
  const hostEnd = host.x + host.width;
  const destinationsWidth = Math.round(300 + spare * share.destinations);
  const destinationsX = width - destinationsWidth;
  const edge = 422;
  const device: PathLayoutBox = { x: 208, y: egress - 16, width: deviceEnd - 208, height: 60 };
  const ends = {
    peer: { x: 208, y: egress - 16, width: 92, height: 60 },
    primary: { x: 480, y: egress - 16, width: deviceEnd + 4 - 480, height: 60 },
  };
  const netkit = kind === 'netkit';
  // A chip is on the side of the namespace edge where its hook runs.
  const hookOut = atPrimary ? Math.min(520, deviceEnd - 78) : 256;
  const hookIn = deviceEnd - (netkit ? 52 : 36);
  const chipWidth = 224;
  const chipsOut = { x: atPrimary ? 432 : 188, y: 20, width: chipWidth };
  const chipsIn = Math.max(432, hookIn - 168);
  const chipsEnd = chipsOut.x + chipWidth;
  const footChips = egress + 86;
  const up = host.x + host.width - 76;
  const down = host.x + host.width - 40;
  // The program decides: the redirect starts at its chip, and joins between the device and the host's stack.
  const redirectEgress = 44;
  const redirectIngress = 66;
  const join = Math.max(deviceEnd + Math.round((hostX - deviceEnd) * 0.45), chipsEnd + 11);
  const podsOut = 98;
  const podsIn = 118;
  const track = (from: number, y: number, to: number) => `M${from} ${y}H${to}`;
  const inside = (y: number, to: number) => (netkit ? track(180, y, to) : `M180 ${y}H300M480 ${y}H${to}`);
  const stretches: PacketFlowLine[] = [
    { id: 'pod-egress', d: inside(egress, hookOut), arrow: null },
    { id: 'pod-ingress', d: inside(ingress, join), arrow: buildArrowHeadPath(181, ingress, 'left') },
    {
      id: 'host-egress',
      d: track(hookOut, egress, host.x),
      arrow: buildArrowHeadPath(host.x - 1, egress, 'right'),
    },
    { id: 'host-ingress', d: track(join, ingress, host.x), arrow: null },
    {
      id: 'redirect-egress',
      d: track(chipsEnd, redirectEgress, destinationsX - 8),
      arrow: buildArrowHeadPath(destinationsX - 1, redirectEgress, 'right'),
    },
    {
      id: 'redirect-ingress',
      d: `M${join - 12} ${ingress}Q${join} ${ingress} ${join} ${ingress - 12}V${redirectIngress + 16}Q${join} ${redirectIngress} ${join + 16} ${redirectIngress}H${destinationsX}`,
      over: `M${join} ${egress - 10}V${egress + 10}`,
      arrow: buildArrowHeadPath(join - 13, ingress, 'left'),
    },
    {
      id: 'pods-egress',
      d: `M${up} ${host.y}V${podsOut + 20}C${up} ${podsOut + 7} ${up + 7} ${podsOut} ${up + 20} ${podsOut}H${destinationsX - 8}`,
      arrow: buildArrowHeadPath(destinationsX - 1, podsOut, 'right'),
    },
    {
      id: 'pods-ingress',
      d: `M${down} ${host.y - 8}V${podsIn + 12}Q${down} ${podsIn} ${down + 12} ${podsIn}H${destinationsX}`,
      arrow: buildArrowHeadPath(down, host.y - 1, 'down'),
    },
  ];
  if (hasUplink)
    stretches.push(
      {
        id: 'uplink-egress',
        d: `M${hostEnd} ${egress}H${destinationsX - 8}`,
        arrow: buildArrowHeadPath(destinationsX - 1, egress, 'right'),
      },
      {
        id: 'uplink-ingress',
        d: `M${hostEnd + 8} ${ingress}H${destinationsX}`,
        arrow: buildArrowHeadPath(hostEnd + 1, ingress, 'left'),
      },
    );
  return {
    width,
    height: Math.max(336 + above + below, egress + 110 + facts * 18 + 2),
    edge,
    container: { x: 0, y: egress - 42, width: 180, height: 94 + 18 * addresses },
    device,
    veth: netkit
      ? null
      : { peer: ends.peer, primary: ends.primary, cable: { from: 312, to: 468, middle: egress + 14 } },
    host,
    destinations: {
      x: destinationsX,
      width: destinationsWidth,
      podsY: 0,
      uplink: { x: destinationsX, y: egress - 18, width: destinationsWidth, height: 72 },
    },
    labels: {
      redirect: { x: Math.max(chipsEnd, edge) + 12, y: 20 },
      hostRoute: { right: width - destinationsX + 14, y: 74 },
    },
    tracks: { egress, ingress },
    hooks: {
      egress: {
        x: hookOut,
        y: egress,
        upright: false,
        chips: chipsOut,
        leader: `M${hookOut} ${20 + computeChipStackHeight(programs.egress)}V${egress - 13}`,
        drop: `M${hookOut - 7} ${egress - 6}l-18-22m-4-4l8 8m0-8l-8 8`,
      },
      ingress: {
        x: hookIn,
        y: ingress,
        upright: false,
        chips: { x: chipsIn, y: footChips, width: chipWidth },
        leader: `M${hookIn} ${ingress + 13}V${footChips}`,
        drop: `M${hookIn + 7} ${ingress + 6}l18 22m-4-4l8 8m0-8l-8 8`,
      },
    },
    stretches,
    foot: egress + 110,
    routes: Math.max(host.x, chipsIn + chipWidth + 16),
  };
}
