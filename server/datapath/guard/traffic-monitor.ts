import type { Direction } from '../../../contract/direction.ts';
import type { GuardThresholds } from '../../../contract/guard.ts';

/** Totals of one device, read from Podlane's counters. */
export interface DeviceTrafficTotals {
  /** Time of the reading in milliseconds. */
  at: number;
  egress: number;
  ingress: number;
  dropped: number;
  /** Maximum number of packets per direction that the guard's own probes have caused. */
  probes: number;
}

/** State of a guard signal, with the evidence. */
export interface SignalAssessment {
  state: 'healthy' | 'failing' | 'unknown';
  evidence: string;
  /** Start of the failure in milliseconds; null if the guard must determine the start itself. */
  since: number | null;
}

type Rules = Pick<
  GuardThresholds,
  'dropShare' | 'dropsPerSecond' | 'dropSeconds' | 'oneSidedPerSecond' | 'oneSidedSeconds'
>;

const other = { ingress: 'egress', egress: 'ingress' } as const satisfies Record<Direction, Direction>;
const done = { ingress: 'entered', egress: 'left' } as const;
/**
 * Minimum number of packets per round in a busy direction; sudden silence in a busy direction may mean that a
 * program was detached.
 */
const busyPackets = 5;

const whole = (value: number): string => Math.round(value).toLocaleString('en-US');
const percent = (share: number): string => `${Number((share * 100).toPrecision(3))} %`;

/** Detects drops and one-way traffic of a device from successive counter totals. */
export class DeviceTrafficMonitor {
  #readings: DeviceTrafficTotals[] = [];
  /** Totals at the time of each direction's last packet that the guard's probes did not cause. */
  readonly #moved: Record<Direction, DeviceTrafficTotals | null> = { ingress: null, egress: null };
  /** Directions in which the pod has had traffic; silence in another direction is not a fault. */
  readonly #used: Record<Direction, boolean> = { ingress: false, egress: false };

  /** Discards the totals, for another device or after an action, but remembers which directions the pod uses. */
  restart(): void {
    this.#readings = [];
    this.#moved.ingress = null;
    this.#moved.egress = null;
  }

  /** Adds counter totals. @returns true if a busy direction has had no packet since the previous totals */
  add(totals: DeviceTrafficTotals, { dropSeconds }: Pick<Rules, 'dropSeconds'>): boolean {
    const [before, last] = this.#readings.slice(-2);
    for (const direction of ['ingress', 'egress'] as const) {
      const anchor = this.#moved[direction];
      const byProbes = anchor ? totals.probes - anchor.probes : 0;
      if (anchor && totals[direction] - anchor[direction] <= byProbes) continue;
      this.#used[direction] ||= anchor !== null;
      this.#moved[direction] = totals;
    }
    this.#readings.push(totals);
    // Keeps one reading from before the window, so that the rate covers all of it.
    while ((this.#readings[1]?.at ?? Number.POSITIVE_INFINITY) <= totals.at - dropSeconds * 1000)
      this.#readings.shift();
    if (!before || !last) return false;
    return (['ingress', 'egress'] as const).some(
      (direction) =>
        last[direction] - before[direction] >= busyPackets && totals[direction] === last[direction],
    );
  }

  /** Assesses the rate and share of packets that Podlane's programs dropped in the last `dropSeconds` seconds. */
  drops({ dropShare, dropsPerSecond, dropSeconds }: Rules): SignalAssessment {
    const first = this.#readings[0];
    const last = this.#readings.at(-1);
    const seconds = first && last ? (last.at - first.at) / 1000 : 0;
    // A timer may come a fraction early.
    if (!first || !last || seconds < dropSeconds - 0.5)
      return { state: 'unknown', evidence: `needs ${whole(dropSeconds)} s of counters first`, since: null };
    const dropped = last.dropped - first.dropped;
    const all = dropped + last.egress - first.egress + last.ingress - first.ingress;
    const share = all > 0 ? dropped / all : 0;
    const rate = dropped / seconds;
    const evidence = `Podlane’s programs dropped ${whole(dropped)} of ${whole(all)} packets in ${whole(seconds)} s: ${whole(rate)}/s, ${percent(share)} (thresholds ${whole(dropsPerSecond)}/s and ${percent(dropShare)})`;
    const failing = rate >= dropsPerSecond && share >= dropShare;
    return { state: failing ? 'failing' : 'healthy', evidence, since: failing ? first.at : null };
  }

  /** Assesses whether packets flow in only one direction. */
  oneSided({ oneSidedPerSecond, oneSidedSeconds }: Rules): SignalAssessment {
    const last = this.#readings.at(-1);
    if (!last) return { state: 'unknown', evidence: 'nothing counted yet', since: null };
    let evidence = 'traffic is bidirectional, or too little to tell';
    for (const silent of ['ingress', 'egress'] as const) {
      const anchor = this.#moved[silent];
      const busy = other[silent];
      if (!anchor) continue;
      const seconds = (last.at - anchor.at) / 1000;
      const packets = last[busy] - anchor[busy] - (last.probes - anchor.probes);
      if (seconds <= 0 || packets / seconds < oneSidedPerSecond) continue;
      const seen = `${whole(packets)} packets ${done[busy]} the pod in ${whole(seconds)} s (${whole(packets / seconds)}/s) and none ${done[silent]} it except probes`;
      if (!this.#used[silent]) evidence = `${seen}; none has since the guard started watching`;
      else if (seconds >= oneSidedSeconds)
        return {
          state: 'failing',
          evidence: `${seen} (threshold ${whole(oneSidedPerSecond)}/s for ${whole(oneSidedSeconds)} s)`,
          since: anchor.at,
        };
      else if (seconds >= 3)
        evidence = `${seen}; failing after ${whole(oneSidedSeconds)} s at ${whole(oneSidedPerSecond)}/s`;
    }
    return { state: 'healthy', evidence, since: null };
  }
}
