import type { DeviceKind } from '../../../../contract/device.ts';
import type { Flow } from './flows.ts';
import { arrowHead, chipStackHeight } from './svg-shapes.ts';

/** A stretch of a track; it is drawn away from the pod, whichever way its packets go. */
export interface FlowStretch {
  id: Flow;
  d: string;
  arrow: string | null;
  /** Where it bridges over another track, which is interrupted there. */
  over?: string;
}

/** What of the device and of the texts decides the places. */
export interface LayoutContent {
  /** Both gates stand on the host: always with veth, with netkit in attach fallback. */
  atPrimary?: boolean;
  /** Lines of addresses in the container's box. */
  addresses?: number;
  /** Lines of facts under the drawing, the longer of its columns. */
  facts?: number;
}

export interface LayoutBox {
  x: number;
  y: number;
  width: number;
  height: number;
}

/** Where a gate stands and where its program chips go. `leader` ties the two. */
export interface GatePlace {
  x: number;
  y: number;
  upright: boolean;
  chips: { x: number; y: number; width: number };
  leader: string;
  /** The rose cross a gate that drops sends out: a stem and a cross at its end. */
  drop: string;
}

export interface WideLayout {
  width: number;
  height: number;
  edge: number;
  container: LayoutBox;
  /** The whole device, from the outer edge of the peer to that of the primary. */
  device: LayoutBox;
  /** Boxes of the two ends and the cable between the plugs; veth only. */
  veth: { peer: LayoutBox; primary: LayoutBox; cable: { from: number; to: number; middle: number } } | null;
  host: LayoutBox;
  destinations: { x: number; width: number; podsY: number; uplink: LayoutBox };
  /** Left edge and top of the words on the short way, and right edge and top of those on the host's. */
  words: { short: { x: number; y: number }; host: { right: number; y: number } };
  tracks: { out: number; in: number };
  gates: { out: GatePlace; in: GatePlace };
  stretches: FlowStretch[];
  /** y of the facts under the drawing */
  foot: number;
  /** x of the routes there, clear of the chips. */
  routes: number;
}

/** Under this width the upright layout is drawn: the boxes would touch. */
export const minWideWidth = 1200;

/**
 * Lays the path out from left to right: container, device, host stack, destinations.
 * At 1392 px it stands as in the design. More width goes into the device and the gaps; what is missing is
 * taken from the host's box too.
 * @param programs how many programs each direction's hook carries: chips stack, and the drawing grows
 */
export function wideLayout(
  width: number,
  kind: DeviceKind,
  programs: { out: number; in: number },
  hasUplink: boolean,
  { atPrimary = kind === 'veth', addresses = 1, facts = 3 }: LayoutContent = {},
): WideLayout {
  const spare = width - 1392;
  const above = chipStackHeight(programs.out) - chipStackHeight(1);
  const below = chipStackHeight(programs.in) - chipStackHeight(1);
  const out = 170 + above;
  const inn = out + 28;
  const share =
    spare < 0
      ? { device: 0.12, gap: 0.1, host: 0.25, destinations: 0.17 }
      : { device: 0.5, gap: 0.15, host: 0, destinations: 0 };
  const deviceEnd = Math.round(636 + spare * share.device);
  const hostX = deviceEnd + Math.round(88 + spare * share.gap);
  const host: LayoutBox = { x: hostX, y: out - 30, width: Math.round(224 + spare * share.host), height: 96 };
  const hostEnd = host.x + host.width;
  const destinationsWidth = Math.round(300 + spare * share.destinations);
  const destinationsX = width - destinationsWidth;
  const edge = 422;
  const device: LayoutBox = { x: 208, y: out - 16, width: deviceEnd - 208, height: 60 };
  const ends = {
    peer: { x: 208, y: out - 16, width: 92, height: 60 },
    primary: { x: 480, y: out - 16, width: deviceEnd + 4 - 480, height: 60 },
  };
  const netkit = kind === 'netkit';
  // A chip stands on the side of the namespace edge where its hook runs.
  const gateOut = atPrimary ? Math.min(520, deviceEnd - 78) : 256;
  const gateIn = deviceEnd - (netkit ? 52 : 36);
  const chipWidth = 224;
  const chipsOut = { x: atPrimary ? 432 : 188, y: 20, width: chipWidth };
  const chipsIn = Math.max(432, gateIn - 168);
  const chipsEnd = chipsOut.x + chipWidth;
  const footChips = out + 86;
  const up = host.x + host.width - 76;
  const down = host.x + host.width - 40;
  // The program decides: the short way starts at its chip, and comes in between the device and the host's stack.
  const shortOut = 44;
  const ingressRedirected = 66;
  const join = Math.max(deviceEnd + Math.round((hostX - deviceEnd) * 0.45), chipsEnd + 11);
  const podsOut = 98;
  const podsIn = 118;
  const track = (from: number, y: number, to: number) => `M${from} ${y}H${to}`;
  const inside = (y: number, to: number) => (netkit ? track(180, y, to) : `M180 ${y}H300M480 ${y}H${to}`);
  const stretches: FlowStretch[] = [
    { id: 'pod-out', d: inside(out, gateOut), arrow: null },
    { id: 'pod-in', d: inside(inn, join), arrow: arrowHead(181, inn, 'left') },
    { id: 'host-out', d: track(gateOut, out, host.x), arrow: arrowHead(host.x - 1, out, 'right') },
    { id: 'host-in', d: track(join, inn, host.x), arrow: null },
    {
      id: 'short-out',
      d: track(chipsEnd, shortOut, destinationsX - 8),
      arrow: arrowHead(destinationsX - 1, shortOut, 'right'),
    },
    {
      id: 'short-in',
      d: `M${join - 12} ${inn}Q${join} ${inn} ${join} ${inn - 12}V${ingressRedirected + 16}Q${join} ${ingressRedirected} ${join + 16} ${ingressRedirected}H${destinationsX}`,
      over: `M${join} ${out - 10}V${out + 10}`,
      arrow: arrowHead(join - 13, inn, 'left'),
    },
    {
      id: 'pods-out',
      d: `M${up} ${host.y}V${podsOut + 20}C${up} ${podsOut + 7} ${up + 7} ${podsOut} ${up + 20} ${podsOut}H${destinationsX - 8}`,
      arrow: arrowHead(destinationsX - 1, podsOut, 'right'),
    },
    {
      id: 'pods-in',
      d: `M${down} ${host.y - 8}V${podsIn + 12}Q${down} ${podsIn} ${down + 12} ${podsIn}H${destinationsX}`,
      arrow: arrowHead(down, host.y - 1, 'down'),
    },
  ];
  if (hasUplink)
    stretches.push(
      {
        id: 'uplink-out',
        d: `M${hostEnd} ${out}H${destinationsX - 8}`,
        arrow: arrowHead(destinationsX - 1, out, 'right'),
      },
      {
        id: 'uplink-in',
        d: `M${hostEnd + 8} ${inn}H${destinationsX}`,
        arrow: arrowHead(hostEnd + 1, inn, 'left'),
      },
    );
  return {
    width,
    height: Math.max(336 + above + below, out + 110 + facts * 18 + 2),
    edge,
    container: { x: 0, y: out - 42, width: 180, height: 94 + 18 * addresses },
    device,
    veth: netkit
      ? null
      : { peer: ends.peer, primary: ends.primary, cable: { from: 312, to: 468, middle: out + 14 } },
    host,
    destinations: {
      x: destinationsX,
      width: destinationsWidth,
      podsY: 0,
      uplink: { x: destinationsX, y: out - 18, width: destinationsWidth, height: 72 },
    },
    words: {
      short: { x: Math.max(chipsEnd, edge) + 12, y: 20 },
      host: { right: width - destinationsX + 14, y: 74 },
    },
    tracks: { out, in: inn },
    gates: {
      out: {
        x: gateOut,
        y: out,
        upright: false,
        chips: chipsOut,
        leader: `M${gateOut} ${20 + chipStackHeight(programs.out)}V${out - 13}`,
        drop: `M${gateOut - 7} ${out - 6}l-18-22m-4-4l8 8m0-8l-8 8`,
      },
      in: {
        x: gateIn,
        y: inn,
        upright: false,
        chips: { x: chipsIn, y: footChips, width: chipWidth },
        leader: `M${gateIn} ${inn + 13}V${footChips}`,
        drop: `M${gateIn + 7} ${inn + 6}l18 22m-4-4l8 8m0-8l-8 8`,
      },
    },
    stretches,
    foot: out + 110,
    routes: Math.max(host.x, chipsIn + chipWidth + 16),
  };
}
