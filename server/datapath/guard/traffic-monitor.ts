import type { Direction } from '../../../contract/direction.ts';
import type { GuardThresholds } from '../../../contract/guard.ts';

/** Totals of one device, by our counters. `probes`: packets each way that our own probes may have been at most. */
export interface TrafficTotals {
  /** ms */
  at: number;
  egress: number;
  ingress: number;
  dropped: number;
  probes: number;
}

export interface Assessment {
  state: 'well' | 'failing' | 'unknown';
  evidence: string;
  since: number | null;
}

type Rules = Pick<
  GuardThresholds,
  'dropShare' | 'dropsPerSecond' | 'dropSeconds' | 'oneSidedPerSecond' | 'oneSidedSeconds'
>;

const other = { ingress: 'egress', egress: 'ingress' } as const satisfies Record<Direction, Direction>;
const done = { ingress: 'entered', egress: 'left' } as const;
/** Packets in a round that make a way busy: when they stop at once, a program may have gone. */
const busyPackets = 5;

const whole = (value: number): string => Math.round(value).toLocaleString('en-US');
const percent = (share: number): string => `${Number((share * 100).toPrecision(3))} %`;

/** Judges a device's traffic, round by round, by what our programs counted. */
export class TrafficMonitor {
  #readings: TrafficTotals[] = [];
  /** The totals when a packet last went this way that was not a probe's. */
  readonly #moved: Record<Direction, TrafficTotals | null> = { ingress: null, egress: null };
  /** Ways in which the pod was seen to have traffic: those that it can miss. */
  readonly #used: Record<Direction, boolean> = { ingress: false, egress: false };

  /** Begins anew: another device, or an act that may have helped. Which ways the pod uses is still known. */
  restart(): void {
    this.#readings = [];
    this.#moved.ingress = null;
    this.#moved.egress = null;
  }

  /** @returns whether a busy way has fallen silent with this reading */
  add(totals: TrafficTotals, { dropSeconds }: Pick<Rules, 'dropSeconds'>): boolean {
    const [before, last] = this.#readings.slice(-2);
    for (const direction of ['ingress', 'egress'] as const) {
      const anchor = this.#moved[direction];
      const byProbes = anchor ? totals.probes - anchor.probes : 0;
      if (anchor && totals[direction] - anchor[direction] <= byProbes) continue;
      this.#used[direction] ||= anchor !== null;
      this.#moved[direction] = totals;
    }
    this.#readings.push(totals);
    // One from before the window's begin stays.
    while ((this.#readings[1]?.at ?? Number.POSITIVE_INFINITY) <= totals.at - dropSeconds * 1000)
      this.#readings.shift();
    if (!before || !last) return false;
    return (['ingress', 'egress'] as const).some(
      (direction) =>
        last[direction] - before[direction] >= busyPackets && totals[direction] === last[direction],
    );
  }

  drops({ dropShare, dropsPerSecond, dropSeconds }: Rules): Assessment {
    const first = this.#readings[0];
    const last = this.#readings.at(-1);
    const seconds = first && last ? (last.at - first.at) / 1000 : 0;
    // A timer may come a fraction early.
    if (!first || !last || seconds < dropSeconds - 0.5)
      return { state: 'unknown', evidence: `counting for ${whole(dropSeconds)} s first`, since: null };
    const dropped = last.dropped - first.dropped;
    const all = dropped + last.egress - first.egress + last.ingress - first.ingress;
    const share = all > 0 ? dropped / all : 0;
    const rate = dropped / seconds;
    const evidence = `our programs dropped ${whole(dropped)} of ${whole(all)} packets in ${whole(seconds)} s: ${whole(rate)}/s, ${percent(share)} (thresholds ${whole(dropsPerSecond)}/s and ${percent(dropShare)})`;
    const failing = rate >= dropsPerSecond && share >= dropShare;
    return { state: failing ? 'failing' : 'well', evidence, since: failing ? first.at : null };
  }

  oneSided({ oneSidedPerSecond, oneSidedSeconds }: Rules): Assessment {
    const last = this.#readings.at(-1);
    if (!last) return { state: 'unknown', evidence: 'nothing counted yet', since: null };
    let evidence = 'packets go both ways, or are too few to tell';
    for (const silent of ['ingress', 'egress'] as const) {
      const anchor = this.#moved[silent];
      const busy = other[silent];
      if (!anchor) continue;
      const seconds = (last.at - anchor.at) / 1000;
      const packets = last[busy] - anchor[busy] - (last.probes - anchor.probes);
      if (seconds <= 0 || packets / seconds < oneSidedPerSecond) continue;
      const seen = `${whole(packets)} packets ${done[busy]} the pod in ${whole(seconds)} s (${whole(packets / seconds)}/s) and none ${done[silent]} but probes’`;
      if (!this.#used[silent]) evidence = `${seen}; none has since it is watched`;
      else if (seconds >= oneSidedSeconds)
        return {
          state: 'failing',
          evidence: `${seen} (threshold ${whole(oneSidedPerSecond)}/s for ${whole(oneSidedSeconds)} s)`,
          since: anchor.at,
        };
      else if (seconds >= 3)
        evidence = `${seen}; failing after ${whole(oneSidedSeconds)} s at ${whole(oneSidedPerSecond)}/s`;
    }
    return { state: 'well', evidence, since: null };
  }
}
