import { describe, expect, test } from 'vitest';
import {
  computeHorizontalPathLayout,
  minHorizontalPathWidth,
  type PathLayoutBox,
} from '../../../app/pods/[id]/_path/horizontal-layout.ts';
import {
  computeProgramRunRate,
  computeVerdictShares,
  type PodPathRates,
} from '../../../app/pods/[id]/_path/program-rates.ts';
import {
  buildArrowHeadPath,
  buildTwistedWirePath,
  computeFlowLineWidth,
} from '../../../app/pods/[id]/_path/svg-shapes.ts';
import { computeVerticalPathLayout } from '../../../app/pods/[id]/_path/vertical-layout.ts';

const one = { egress: 1, ingress: 1 };
const right = ({ x, width }: PathLayoutBox) => x + width;

describe('the width of a line', () => {
  test('without packets is null', () => {
    expect(computeFlowLineWidth(0)).toBeNull();
    expect(computeFlowLineWidth(Number.NaN)).toBeNull();
  });
  test('is 2 px at one packet per second and 7 px at a million or more', () => {
    expect([1, 1_000_000, 50_000_000].map(computeFlowLineWidth)).toEqual([2, 7, 7]);
    expect(computeFlowLineWidth(1000)).toBe(4.5);
  });
});

test('the wires of a pair start on opposite sides and end where they started', () => {
  const ends = (d: string) => [d.split('L')[0], d.split('L').at(-1)];
  expect(ends(buildTwistedWirePath(312, 468, 168, 1, false))).toEqual(['M312.0 178.0', '468.0 178.0']);
  expect(ends(buildTwistedWirePath(312, 468, 168, -1, false))).toEqual(['M312.0 158.0', '468.0 158.0']);
  expect(ends(buildTwistedWirePath(196, 280, 54, 1, true))).toEqual(['M64.0 196.0', '64.0 280.0']);
});

test('an arrow head has its tip at its position', () => {
  expect(buildArrowHeadPath(10, 20, 'right')).toBe('M10 20l-8-5v10z');
  expect(buildArrowHeadPath(10, 20, 'up')).toBe('M10 20l-5 8h10z');
});

describe('the wide layout', () => {
  test('has the designed coordinates at 1392 px', () => {
    const layout = computeHorizontalPathLayout(1392, 'netkit', one, true);
    expect(layout).toMatchObject({
      width: 1392,
      height: 336,
      edge: 422,
      veth: null,
      tracks: { egress: 170, ingress: 198 },
    });
    expect(layout.device).toEqual({ x: 208, y: 154, width: 428, height: 60 });
    expect(layout.host).toEqual({ x: 724, y: 140, width: 224, height: 96 });
    expect(layout.hooks.egress).toMatchObject({ x: 256, y: 170 });
    expect(layout.hooks.ingress).toMatchObject({ x: 584, y: 198 });
  });

  test.each(['netkit', 'veth'] as const)('keeps %s boxes apart from the narrowest width on', (kind) => {
    for (let width = minHorizontalPathWidth; width <= 2560; width += 40) {
      const { container, device, host, destinations, hooks } = computeHorizontalPathLayout(
        width,
        kind,
        one,
        true,
      );
      expect(right(container)).toBeLessThan(device.x);
      expect(right(device)).toBeLessThan(host.x - 20);
      expect(right(host)).toBeLessThan(destinations.x - 40);
      expect(destinations.x + destinations.width).toBe(width);
      expect(hooks.ingress.x).toBeLessThan(right(device));
      expect(hooks.egress.x + 40).toBeLessThan(hooks.ingress.x);
    }
  });

  test('both hooks of a veth are on the host’s side of the namespace edge, those of a netkit on one side each', () => {
    const veth = computeHorizontalPathLayout(1392, 'veth', one, true);
    const netkit = computeHorizontalPathLayout(1392, 'netkit', one, true);
    expect([veth.hooks.egress.x, veth.hooks.ingress.x].every((x) => x > veth.edge)).toBe(true);
    expect(netkit.hooks.egress.x).toBeLessThan(netkit.edge);
    expect(netkit.hooks.ingress.x).toBeGreaterThan(netkit.edge);
    expect(netkit.hooks.egress.chips.x + netkit.hooks.egress.chips.width).toBeLessThanOrEqual(netkit.edge);
  });

  test('grows by a chip for each further program on a hook', () => {
    const layout = computeHorizontalPathLayout(1392, 'veth', { egress: 3, ingress: 2 }, true);
    expect(layout.height).toBe(336 + 2 * 82 + 82);
    expect(layout.tracks.egress).toBe(170 + 2 * 82);
  });

  test('draws no line to a missing uplink', () => {
    const ids = (uplink: boolean) =>
      computeHorizontalPathLayout(1392, 'netkit', one, uplink).stretches.map(({ id }) => id);
    expect(ids(true).filter((id) => id.startsWith('uplink'))).toHaveLength(2);
    expect(ids(false).filter((id) => id.startsWith('uplink'))).toEqual([]);
  });
});

test.each(['netkit', 'veth'] as const)(
  'the upright layout stacks the hops of %s without touching',
  (kind) => {
    for (const programs of [one, { egress: 2, ingress: 3 }, { egress: 0, ingress: 0 }]) {
      const layout = computeVerticalPathLayout(358, kind, programs, true, 5);
      const { container, device, host, uplink } = layout;
      expect(container.y + container.height).toBeLessThan(device.y);
      expect(device.y + device.height).toBeLessThan(host.y);
      expect(host.y + host.height).toBeLessThan(uplink!.y);
      expect(uplink!.y + uplink!.height).toBeLessThan(layout.pods);
      expect(layout.pods + 5 * 20).toBeLessThan(layout.foot);
    }
  },
);

describe('verdicts', () => {
  const rates: PodPathRates = {
    egressPackets: 990,
    ingressPackets: 100,
    egressBits: 0,
    ingressBits: 0,
    egressRedirectedPackets: 0,
    egressDroppedPackets: 10,
    ingressDroppedPackets: 0,
  };
  test('a program runs once for every packet, accepted or dropped', () => {
    expect(computeProgramRunRate(rates, 'egress')).toBe(1000);
  });
  test('add up to one', () => {
    expect(computeVerdictShares(rates, 'egress')).toEqual({
      pass: 0.99,
      redirect: 0,
      drop: 0.01,
      dropsPerSecond: 10,
    });
  });
  test('are unknown without a sample or without a packet', () => {
    expect(computeVerdictShares(null, 'egress')).toBeNull();
    expect(computeVerdictShares({ ...rates, ingressPackets: 0 }, 'ingress')).toBeNull();
  });
});

describe('attach fallback', () => {
  test('draws both hooks of a netkit device on the host', () => {
    const { hooks, edge, veth } = computeHorizontalPathLayout(1392, 'netkit', one, true, { atPrimary: true });
    expect(veth).toBeNull();
    expect(hooks.egress.x).toBeGreaterThan(edge);
    expect(hooks.egress.chips.x).toBeGreaterThan(edge);
    const upright = computeVerticalPathLayout(358, 'netkit', one, true, 5, { atPrimary: true });
    expect(upright.hooks.egress.y).toBeGreaterThan(upright.edge);
  });
});

test.each(['netkit', 'veth'] as const)(
  'the redirect path of %s joins between the device and the host',
  (kind) => {
    for (let width = minHorizontalPathWidth; width <= 2560; width += 40) {
      const { stretches, device, host, hooks } = computeHorizontalPathLayout(width, kind, one, true);
      const short = stretches.find(({ id }) => id === 'redirect-ingress')!;
      const join = Number(/^M(\d+) /.exec(short.over!)![1]);
      expect(join).toBeGreaterThan(Math.max(right(device), kind === 'veth' ? hooks.egress.chips.x + 224 : 0));
      expect(join).toBeLessThan(host.x - 8);
    }
  },
);

test('two address families and more facts increase the height', () => {
  const plain = computeHorizontalPathLayout(1392, 'veth', one, true);
  const both = computeHorizontalPathLayout(1392, 'veth', one, true, { addresses: 2, facts: 5 });
  expect(both.container.height).toBe(plain.container.height + 18);
  expect(both.height).toBeGreaterThanOrEqual(both.foot + 5 * 18);
});
