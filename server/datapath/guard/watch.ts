import {
  type GuardReading,
  type GuardSignal,
  type GuardThresholds,
  guardSignal,
} from '../../../contract/guard.ts';
import { field } from '../../bpf/counter-fields.ts';
import type { Ground } from '../kernel-context.ts';
import { currentDevice, type LivePod } from '../pod-registry.ts';
import { checkHooks, type HookFindings } from './hook-check.ts';
import { type EchoSockets, Probes } from './probes.ts';
import { Traffic, type Verdict } from './traffic.ts';

/** Hooks of a pod that gives no reason to look are asked this often: the question takes RTNL. */
const hooksEveryMs = 4000;

const off: Verdict = { state: 'unknown', evidence: 'not measured', since: null };

/** The senses of the guard for one pod: measures it round by round. */
export class PodWatch {
  readonly #ground: Ground;
  readonly #pod: LivePod;
  readonly #traffic = new Traffic();
  readonly #probes: Probes;
  readonly #since = new Map<GuardSignal, number>();
  #slot: number | null = null;
  #hooks: HookFindings | null = null;
  #hooksDue = 0;
  #probing: Verdict | null = null;

  constructor(ground: Ground, pod: LivePod, sockets: EchoSockets) {
    this.#ground = ground;
    this.#pod = pod;
    this.#probes = new Probes(sockets, pod.record.network.addresses);
  }

  /** What the probes say; null where none is on. */
  get probe(): Verdict['state'] | null {
    return this.#probing?.state ?? null;
  }

  /** The hooks are looked at in the next round. */
  hasten(): void {
    this.#hooksDue = 0;
  }

  /** Evidence is gathered anew: after an act, and where nothing was measured for a while. */
  restart(): void {
    this.#traffic.restart();
    this.#probes.restart();
    this.#since.clear();
    this.#hooks = null;
    this.#hooksDue = 0;
    this.#slot = null;
  }

  /** Measures once. @param now ms since the epoch @returns whether it was of one device throughout */
  async measure(thresholds: GuardThresholds, now: number): Promise<boolean> {
    const device = currentDevice(this.#pod);
    if (this.#slot !== device.slot) {
      this.restart();
      this.#slot = device.slot;
    }
    const counters = this.#ground.programs.counters.read(device.slot);
    const of = (name: keyof typeof field): number => Number(counters[field[name]]);
    const silent = this.#traffic.add(
      {
        at: now,
        out: of('packetsOut'),
        in: of('packetsIn'),
        dropped: of('droppedPacketsOut') + of('droppedPacketsIn'),
        probes: this.#probes.packets,
      },
      thresholds,
    );
    this.#probing = this.#probes.verdict(thresholds, now);
    this.#probes.start(thresholds, now);
    // The programs of a veth device are reconciling's.
    if (device.kind !== 'netkit') this.#hooks = null;
    else if (silent || this.#probes.doubtful || now >= this.#hooksDue) {
      const { hooks } = device;
      const found = await checkHooks(this.#ground, device);
      const pod = this.#pod;
      if (pod.migration || pod.leaving || currentDevice(pod) !== device || device.hooks !== hooks)
        return false;
      this.#hooks = found;
      this.#hooksDue = (found.program ?? found.cutOff) ? now : now + hooksEveryMs;
    }
    this.#note(this.readings(thresholds), now);
    return true;
  }

  readings(thresholds: GuardThresholds): GuardReading[] {
    if (!thresholds.on) return guardSignal.options.map((signal) => reading(signal, off, null, 'off'));
    return guardSignal.options.map((signal) => {
      const verdict = this.#slot === null ? off : this.#verdict(signal, thresholds);
      if (verdict === null)
        return reading(signal, { ...off, evidence: notMeasured[signal] ?? '' }, null, 'off');
      return reading(signal, verdict, this.#since.get(signal) ?? verdict.since, verdict.state);
    });
  }

  #verdict(signal: GuardSignal, thresholds: GuardThresholds): Verdict | null {
    switch (signal) {
      case 'drops':
        return this.#traffic.drops(thresholds);
      case 'one-sided':
        return this.#traffic.oneSided(thresholds);
      case 'probe':
        return this.#probing;
      case 'program':
        return this.#hooks && found(this.#hooks.program, 'our programs are on both hooks');
      case 'cut-off':
        return this.#hooks && found(this.#hooks.cutOff, 'no end without a program is a black hole');
    }
  }

  #note(readings: readonly GuardReading[], now: number): void {
    for (const { signal, state, since } of readings)
      if (state !== 'failing') this.#since.delete(signal);
      else if (!this.#since.has(signal)) this.#since.set(signal, since === null ? now : Date.parse(since));
  }
}

const notMeasured: Partial<Record<GuardSignal, string>> = {
  program: 'not looked at on veth: reconciling does',
  'cut-off': 'veth has no policy',
  probe: 'no probe is switched on',
};

const found = (finding: string | null, well: string): Verdict => ({
  state: finding === null ? 'well' : 'failing',
  evidence: finding ?? well,
  since: null,
});

const reading = (
  signal: GuardSignal,
  { evidence }: Verdict,
  since: number | null,
  state: GuardReading['state'],
): GuardReading => ({
  signal,
  state,
  evidence,
  since: state === 'failing' && since !== null ? new Date(since).toISOString() : null,
});
