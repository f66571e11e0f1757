import {
  type GuardSignal,
  type GuardSignalReading,
  type GuardThresholds,
  guardSignalSchema,
} from '../../../contract/guard.ts';
import type { TaskScope } from '../../async/task-scope.ts';
import { counterIndexByName } from '../../bpf/counter-layout.ts';
import type { EchoSockets } from '../echo/echo-sockets.ts';
import type { KernelContext } from '../kernel-context.ts';
import { isPodIdle } from '../pod-activity.ts';
import { getCurrentDevice, type LivePod } from '../pod-registry.ts';
import { checkNetkitHooks, type NetkitHookFaults } from './check-netkit-hooks.ts';
import { PodProbes } from './pod-probes.ts';
import { DeviceTrafficMonitor, type SignalAssessment } from './traffic-monitor.ts';

/**
 * Milliseconds between two hook checks while no other signal is failing; the kernel takes the RTNL lock for each
 * check.
 */
const hookCheckMs = 4000;

const notMeasuredYet: SignalAssessment = { state: 'unknown', evidence: 'not measured', since: null };

/** Measures the guard's signals of one pod: programs, blocked ends, drops, one-way traffic and probes. */
export class PodGuardSignals {
  readonly #kernel: KernelContext;
  readonly #pod: LivePod;
  readonly #traffic = new DeviceTrafficMonitor();
  readonly #probes: PodProbes;
  readonly #since = new Map<GuardSignal, number>();
  #slot: number | null = null;
  #hooks: NetkitHookFaults | null = null;
  #hooksDue = 0;
  #probeAssessment: SignalAssessment | null = null;

  /** Creates the guard signals of one pod. @param scope task scope that owns the pending probes */
  constructor(kernel: KernelContext, pod: LivePod, sockets: EchoSockets, scope: TaskScope) {
    this.#kernel = kernel;
    this.#pod = pod;
    this.#probes = new PodProbes(sockets, pod.record.network.addresses, scope);
  }

  /** State of the probe signal after the last probes; null if no probe is enabled. */
  get probe(): SignalAssessment['state'] | null {
    return this.#probeAssessment?.state ?? null;
  }

  /** Schedules a check of the pod's hooks for the next measurement. */
  checkHooksSoon(): void {
    this.#hooksDue = 0;
  }

  /** Discards the evidence, after an action of the guard or a gap in the measurements. */
  restart(): void {
    this.#traffic.restart();
    this.#probes.restart();
    this.#since.clear();
    this.#hooks = null;
    this.#hooksDue = 0;
    this.#slot = null;
  }

  /**
   * Measures once.
   * @param now milliseconds since the epoch
   * @returns false when the pod's device changed meanwhile, or an activity began
   */
  async measure(thresholds: GuardThresholds, now: number): Promise<boolean> {
    const device = getCurrentDevice(this.#pod);
    if (this.#slot !== device.slot) {
      this.restart();
      this.#slot = device.slot;
    }
    const counters = this.#kernel.programs.counters.read(device.slot);
    const counter = (name: keyof typeof counterIndexByName): number =>
      Number(counters[counterIndexByName[name]]);
    const silent = this.#traffic.add(
      {
        at: now,
        egress: counter('egressPackets'),
        ingress: counter('ingressPackets'),
        dropped: counter('egressDroppedPackets') + counter('ingressDroppedPackets'),
        probes: this.#probes.packets,
      },
      thresholds,
    );
    this.#probeAssessment = this.#probes.assess(thresholds, now);
    this.#probes.start(thresholds, now);
    // Reconciling repairs the programs of a veth device.
    if (device.kind !== 'netkit') this.#hooks = null;
    else if (silent || this.#probes.doubtful || now >= this.#hooksDue) {
      const { hooks } = device;
      const found = await checkNetkitHooks(this.#kernel, device);
      const pod = this.#pod;
      if (!isPodIdle(pod) || getCurrentDevice(pod) !== device || device.hooks !== hooks) return false;
      this.#hooks = found;
      this.#hooksDue = (found.program ?? found.blocked) ? now : now + hookCheckMs;
    }
    this.#noteFailures(this.readings(thresholds), now);
    return true;
  }

  /** Returns a reading for every guard signal; signals that do not apply read `off`. */
  readings(thresholds: GuardThresholds): GuardSignalReading[] {
    if (!thresholds.on)
      return guardSignalSchema.options.map((signal) => reading(signal, notMeasuredYet, null, 'off'));
    return guardSignalSchema.options.map((signal) => {
      const assessment = this.#slot === null ? notMeasuredYet : this.#assess(signal, thresholds);
      if (assessment === null)
        return reading(signal, { ...notMeasuredYet, evidence: notApplicable[signal] ?? '' }, null, 'off');
      return reading(signal, assessment, this.#since.get(signal) ?? assessment.since, assessment.state);
    });
  }

  #assess(signal: GuardSignal, thresholds: GuardThresholds): SignalAssessment | null {
    switch (signal) {
      case 'drops':
        return this.#traffic.drops(thresholds);
      case 'one-sided':
        return this.#traffic.oneSided(thresholds);
      case 'probe':
        return this.#probeAssessment;
      case 'program':
        return this.#hooks && finding(this.#hooks.program, 'Podlane’s programs are on both hooks');
      case 'cut-off':
        return this.#hooks && finding(this.#hooks.blocked, 'no end without a program has policy blackhole');
    }
  }

  #noteFailures(readings: readonly GuardSignalReading[], now: number): void {
    for (const { signal, state, since } of readings)
      if (state !== 'failing') this.#since.delete(signal);
      else if (!this.#since.has(signal)) this.#since.set(signal, since === null ? now : Date.parse(since));
  }
}

const notApplicable: Partial<Record<GuardSignal, string>> = {
  program: 'not checked on veth: reconciling repairs its programs',
  'cut-off': 'veth has no policy',
  probe: 'no probe is enabled',
};

const finding = (fault: string | null, healthy: string): SignalAssessment => ({
  state: fault === null ? 'healthy' : 'failing',
  evidence: fault ?? healthy,
  since: null,
});

const reading = (
  signal: GuardSignal,
  { evidence }: SignalAssessment,
  since: number | null,
  state: GuardSignalReading['state'],
): GuardSignalReading => ({
  signal,
  state,
  evidence,
  since: state === 'failing' && since !== null ? new Date(since).toISOString() : null,
});
