import type { DeviceKind } from '../../../../contract/device.ts';
import { arrow, stackHeight } from './shape.ts';

/** A stretch of a track. `whose`: the pod's own traffic, or all traffic of the host with a destination. */
export interface Stretch {
  id: string;
  d: string;
  direction: 'out' | 'in';
  whose: 'pod' | 'pods' | 'uplink';
  arrow: string | null;
}

export interface Box {
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
  container: Box;
  /** The whole device, from the outer edge of the peer to that of the primary. */
  device: Box;
  /** Boxes of the two ends and the cable between the plugs; veth only. */
  veth: { peer: Box; primary: Box; cable: { from: number; to: number; middle: number } } | null;
  host: Box;
  destinations: { x: number; width: number; podsY: number; uplink: Box };
  tracks: { out: number; in: number };
  gates: { out: GatePlace; in: GatePlace };
  stretches: Stretch[];
  /** y of the facts under the drawing */
  foot: number;
  /** x of the routes there, clear of the chips. */
  routes: number;
}

/** Under this width the upright layout is drawn: the boxes would touch. */
export const narrowest = 1200;

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
): WideLayout {
  const spare = width - 1392;
  const above = stackHeight(programs.out) - stackHeight(1);
  const below = stackHeight(programs.in) - stackHeight(1);
  const out = 154 + above;
  const inn = out + 28;
  const share = spare < 0 ? { device: 0.3, gap: 0.2, host: 0.18 } : { device: 0.5, gap: 0.15, host: 0 };
  const deviceEnd = Math.round(636 + spare * share.device);
  const hostX = deviceEnd + Math.round(88 + spare * share.gap);
  const host: Box = { x: hostX, y: out - 30, width: Math.round(224 + spare * share.host), height: 96 };
  const hostEnd = host.x + host.width;
  const destinationsX = width - 300;
  const edge = 422;
  const device: Box = { x: 208, y: out - 16, width: deviceEnd - 208, height: 60 };
  const ends = {
    peer: { x: 208, y: out - 16, width: 92, height: 60 },
    primary: { x: 480, y: out - 16, width: deviceEnd + 4 - 480, height: 60 },
  };
  const netkit = kind === 'netkit';
  // A chip stands on the side of the namespace edge where its hook runs; a veth's hooks are both on the host.
  const gateOut = netkit ? 256 : Math.min(520, deviceEnd - 78);
  const gateIn = netkit ? deviceEnd - 52 : deviceEnd - 36;
  const chipsIn = Math.max(432, gateIn - 168);
  const chipWidth = 224;
  const footChips = out + 86;
  const up = host.x + host.width - 76;
  const down = host.x + host.width - 40;
  const podsOut = 48;
  const podsIn = 84;
  const reach = netkit
    ? { out: `M180 ${out}H${host.x}`, in: `M180 ${inn}H${host.x}` }
    : {
        out: `M180 ${out}H300M480 ${out}H${host.x}`,
        in: `M180 ${inn}H300M480 ${inn}H${host.x}`,
      };
  const stretches: Stretch[] = [
    {
      id: 'device-out',
      d: reach.out,
      direction: 'out',
      whose: 'pod',
      arrow: arrow(host.x - 1, out, 'right'),
    },
    { id: 'device-in', d: reach.in, direction: 'in', whose: 'pod', arrow: arrow(181, inn, 'left') },
    {
      id: 'pods-out',
      d: `M${up} ${host.y}V${podsOut + 20}C${up} ${podsOut + 7} ${up + 7} ${podsOut} ${up + 20} ${podsOut}H${destinationsX - 8}`,
      direction: 'out',
      whose: 'pods',
      arrow: arrow(destinationsX - 1, podsOut, 'right'),
    },
    {
      id: 'pods-in',
      d: `M${down} ${host.y - 8}V${podsIn + 16}C${down} ${podsIn + 6} ${down + 6} ${podsIn} ${down + 16} ${podsIn}H${destinationsX}`,
      direction: 'in',
      whose: 'pods',
      arrow: arrow(down, host.y - 1, 'down'),
    },
  ];
  if (hasUplink)
    stretches.push(
      {
        id: 'uplink-out',
        d: `M${hostEnd} ${out}H${destinationsX - 8}`,
        direction: 'out',
        whose: 'uplink',
        arrow: arrow(destinationsX - 1, out, 'right'),
      },
      {
        id: 'uplink-in',
        d: `M${hostEnd + 8} ${inn}H${destinationsX}`,
        direction: 'in',
        whose: 'uplink',
        arrow: arrow(hostEnd + 1, inn, 'left'),
      },
    );
  return {
    width,
    height: 320 + above + below,
    edge,
    container: { x: 0, y: out - 42, width: 180, height: 112 },
    device,
    veth: netkit
      ? null
      : { peer: ends.peer, primary: ends.primary, cable: { from: 312, to: 468, middle: out + 14 } },
    host,
    destinations: {
      x: destinationsX,
      width: 300,
      podsY: 0,
      uplink: { x: destinationsX, y: out - 18, width: 300, height: 72 },
    },
    tracks: { out, in: inn },
    gates: {
      out: {
        x: gateOut,
        y: out,
        upright: false,
        chips: { x: netkit ? 188 : 432, y: 20, width: chipWidth },
        leader: `M${gateOut} ${20 + stackHeight(programs.out)}V${out - 13}`,
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
