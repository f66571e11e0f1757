import os from 'node:os';
import type { Readable } from 'node:stream';
import type { Logger } from 'pino';
import { maxCaptures } from '../../contract/limits.ts';
import { ProblemError } from '../../contract/problem.ts';
import { requireValue } from '../../contract/require-value.ts';
import { type CaptureQuery, primaryCaptureDescriptions } from '../../contract/trace.ts';
import type { ReadyDevice } from '../datapath/datapath-events.ts';
import { compileCaptureFilter, formatTcpdumpFilter } from './compile-capture-filter.ts';
import { PacketCapture } from './packet-capture.ts';
import { PacketSocket } from './packet-socket.ts';
import type { PodChangeSource } from './pod-name-resolver.ts';

/** Packet captures at the primaries of pods' devices. */
export class PacketCaptures {
  readonly #pods: PodChangeSource;
  readonly #application: string;
  readonly #log: Pick<Logger, 'warn'>;
  readonly #running = new Set<RunningCapture>();
  readonly #onDevice = (device: ReadyDevice): void => {
    for (const running of this.#running) {
      if (running.podId !== device.podId) continue;
      try {
        addDevice(running, device);
      } catch (error) {
        this.#log.warn({ err: error, pod: running.name }, 'the capture ends with the old device');
      }
    }
  };

  /** Creates a manager of captures. @param application application name in the capture files */
  constructor(pods: PodChangeSource, application: string, log: Pick<Logger, 'warn'>) {
    this.#pods = pods;
    this.#application = application;
    this.#log = log;
    pods.on('device-ready', this.#onDevice);
  }

  /**
   * Starts a capture and returns its file as a stream. The kernel buffers 2 MiB for a slow reader. When the pod
   * migrates, the file goes on with the packets of the new device, as another interface.
   * @param id id of an existing pod @throws ProblemError `too_many`, `kernel_refused`
   */
  async open(id: string, what: CaptureQuery): Promise<Readable> {
    if (this.#running.size >= maxCaptures)
      throw new ProblemError('too_many', `${maxCaptures} captures are running already`, {
        hint: 'Stop a capture, or wait: each ends at its limit.',
      });
    const pod = requireValue(
      this.#pods.summaries().find((summary) => summary.id === id),
      `pod ${id}`,
    );
    const capture = new PacketCapture(what, {
      application: this.#application,
      system: `${os.type()} ${os.release()}`,
      filter: formatTcpdumpFilter(what),
      snaplen: what.snaplen,
    });
    const running: RunningCapture = {
      podId: id,
      capture,
      name: `${pod.namespace}/${pod.name}`,
      filter: compileCaptureFilter(what, what.snaplen),
      ifindexes: new Set(),
    };
    this.#running.add(running);
    capture.once('close', () => this.#running.delete(running));
    try {
      const { primary, kind, hooks } = pod;
      addDevice(running, { podId: id, ...primary, kind, hooks });
    } catch (error) {
      capture.destroy();
      throw error;
    }
    return capture;
  }

  /** Ends all running captures, so that their files are complete. */
  close(): void {
    this.#pods.off('device-ready', this.#onDevice);
    for (const { capture } of this.#running) capture.finish();
  }
}

/** A capture that runs, with what it needs to go on at another device. */
interface RunningCapture {
  podId: string;
  capture: PacketCapture;
  /** Pod's name in descriptions, `namespace/name`. */
  name: string;
  filter: Buffer;
  /** Interfaces that the capture has had. */
  ifindexes: Set<number>;
}

/**
 * Captures at the primary of a device as well, unless the capture has it already. @throws ProblemError `kernel_refused`
 */
function addDevice(
  { capture, name: pod, filter, ifindexes }: RunningCapture,
  { ifindex, name, kind, hooks }: ReadyDevice,
): void {
  if (ifindexes.has(ifindex)) return;
  ifindexes.add(ifindex);
  capture.addInterface(new PacketSocket(ifindex, filter), {
    interfaceName: name,
    interfaceDescription: `primary of pod ${pod} (${kind}, programs on ${hooks}); shows ${primaryCaptureDescriptions[hooks]}`,
  });
}
