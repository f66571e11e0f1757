import {
  type GuardReading,
  type GuardSignal,
  type GuardThresholds,
  guardSignal,
} from '../../../contract/guard.ts';
import { counterIndex } from '../../bpf/counter-layout.ts';
import type { KernelContext } from '../kernel-context.ts';
import { currentDevice, type LivePod } from '../pod-registry.ts';
import { checkHooks, type HookFindings } from './hook-check.ts';
import { type EchoSockets, PodProbes } from './pod-probes.ts';
import { type Assessment, TrafficMonitor } from './traffic-monitor.ts';

/** Hooks of a pod that gives no reason to look are asked this often: the question takes RTNL. */
const hooksEveryMs = 4000;

const off: Assessment = { state: 'unknown', evidence: 'not measured', since: null };

/** The senses of the guard for one pod: measures it round by round. */
export class PodSignals {
  readonly #kernel: KernelContext;
  readonly #pod: LivePod;
  readonly #traffic = new TrafficMonitor();
  readonly #probes: PodProbes;
  readonly #since = new Map<GuardSignal, number>();
  #slot: number | null = null;
  #hooks: HookFindings | null = null;
  #hooksDue = 0;
  #probing: Assessment | null = null;

  constructor(kernel: KernelContext, pod: LivePod, sockets: EchoSockets) {
    this.#kernel = kernel;
    this.#pod = pod;
    this.#probes = new PodProbes(sockets, pod.record.network.addresses);
  }

  /** What the probes say; null where none is on. */
  get probe(): Assessment['state'] | null {
    return this.#probing?.state ?? null;
  }

  /** The hooks are looked at in the next round. */
  checkHooksSoon(): void {
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
    const counters = this.#kernel.programs.counters.read(device.slot);
    const of = (name: keyof typeof counterIndex): number => Number(counters[counterIndex[name]]);
    const silent = this.#traffic.add(
      {
        at: now,
        egress: of('egressPackets'),
        ingress: of('ingressPackets'),
        dropped: of('egressDroppedPackets') + of('ingressDroppedPackets'),
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
      const found = await checkHooks(this.#kernel, device);
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

  #verdict(signal: GuardSignal, thresholds: GuardThresholds): Assessment | null {
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

const found = (finding: string | null, well: string): Assessment => ({
  state: finding === null ? 'well' : 'failing',
  evidence: finding ?? well,
  since: null,
});

const reading = (
  signal: GuardSignal,
  { evidence }: Assessment,
  since: number | null,
  state: GuardReading['state'],
): GuardReading => ({
  signal,
  state,
  evidence,
  since: state === 'failing' && since !== null ? new Date(since).toISOString() : null,
});
