import type { GuardThresholds } from '../../../contract/guard.ts';

/** Totals of one device, by our counters. `probes`: packets each way that our own probes may have been at most. */
export interface TrafficTotals {
  /** ms */
  at: number;
  out: number;
  in: number;
  dropped: number;
  probes: number;
}

export interface Verdict {
  state: 'well' | 'failing' | 'unknown';
  evidence: string;
  since: number | null;
}

type Rules = Pick<
  GuardThresholds,
  'dropShare' | 'dropsPerSecond' | 'dropSeconds' | 'oneSidedPerSecond' | 'oneSidedSeconds'
>;

type Way = 'in' | 'out';
const other = { in: 'out', out: 'in' } as const;
const done = { in: 'entered', out: 'left' } as const;
/** Packets in a round that make a way busy: when they stop at once, a program may have gone. */
const busyPackets = 5;

const whole = (value: number): string => Math.round(value).toLocaleString('en-US');
const percent = (share: number): string => `${Number((share * 100).toPrecision(3))} %`;

/** Judges a device's traffic, round by round, by what our programs counted. */
export class Traffic {
  #readings: TrafficTotals[] = [];
  /** The totals when a packet last went this way that was not a probe's. */
  readonly #moved: Record<Way, TrafficTotals | null> = { in: null, out: null };
  /** Ways in which the pod was seen to have traffic: those that it can miss. */
  readonly #used: Record<Way, boolean> = { in: false, out: false };

  /** Begins anew: another device, or an act that may have helped. Which ways the pod uses is still known. */
  restart(): void {
    this.#readings = [];
    this.#moved.in = null;
    this.#moved.out = null;
  }

  /** @returns whether a busy way has fallen silent with this reading */
  add(totals: TrafficTotals, { dropSeconds }: Pick<Rules, 'dropSeconds'>): boolean {
    const [before, last] = this.#readings.slice(-2);
    for (const way of ['in', 'out'] as const) {
      const anchor = this.#moved[way];
      const byProbes = anchor ? totals.probes - anchor.probes : 0;
      if (anchor && totals[way] - anchor[way] <= byProbes) continue;
      this.#used[way] ||= anchor !== null;
      this.#moved[way] = totals;
    }
    this.#readings.push(totals);
    // One from before the window's begin stays.
    while ((this.#readings[1]?.at ?? Number.POSITIVE_INFINITY) <= totals.at - dropSeconds * 1000)
      this.#readings.shift();
    if (!before || !last) return false;
    return (['in', 'out'] as const).some(
      (way) => last[way] - before[way] >= busyPackets && totals[way] === last[way],
    );
  }

  drops({ dropShare, dropsPerSecond, dropSeconds }: Rules): Verdict {
    const first = this.#readings[0];
    const last = this.#readings.at(-1);
    const seconds = first && last ? (last.at - first.at) / 1000 : 0;
    // A timer may come a fraction early.
    if (!first || !last || seconds < dropSeconds - 0.5)
      return { state: 'unknown', evidence: `counting for ${whole(dropSeconds)} s first`, since: null };
    const dropped = last.dropped - first.dropped;
    const all = dropped + last.out - first.out + last.in - first.in;
    const share = all > 0 ? dropped / all : 0;
    const rate = dropped / seconds;
    const evidence = `our programs dropped ${whole(dropped)} of ${whole(all)} packets in ${whole(seconds)} s: ${whole(rate)}/s, ${percent(share)} (thresholds ${whole(dropsPerSecond)}/s and ${percent(dropShare)})`;
    const failing = rate >= dropsPerSecond && share >= dropShare;
    return { state: failing ? 'failing' : 'well', evidence, since: failing ? first.at : null };
  }

  oneSided({ oneSidedPerSecond, oneSidedSeconds }: Rules): Verdict {
    const last = this.#readings.at(-1);
    if (!last) return { state: 'unknown', evidence: 'nothing counted yet', since: null };
    let evidence = 'packets go both ways, or are too few to tell';
    for (const silent of ['in', 'out'] as const) {
      const anchor = this.#moved[silent];
      const way = other[silent];
      if (!anchor) continue;
      const seconds = (last.at - anchor.at) / 1000;
      const packets = last[way] - anchor[way] - (last.probes - anchor.probes);
      if (seconds <= 0 || packets / seconds < oneSidedPerSecond) continue;
      const seen = `${whole(packets)} packets ${done[way]} the pod in ${whole(seconds)} s (${whole(packets / seconds)}/s) and none ${done[silent]} but probes’`;
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
