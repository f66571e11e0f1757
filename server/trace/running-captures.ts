import os from 'node:os';
import type { Readable } from 'node:stream';
import { maxCaptures } from '../../contract/limits.ts';
import type { PodSummary } from '../../contract/pod.ts';
import { ProblemError } from '../../contract/problem.ts';
import { requireValue } from '../../contract/require-value.ts';
import { type CaptureQuery, primaryCaptureDescriptions } from '../../contract/trace.ts';
import { compileCaptureFilter, formatTcpdumpFilter } from './compile-capture-filter.ts';
import { PacketCapture } from './packet-capture.ts';
import { PacketSocket } from './packet-socket.ts';
import type { PodChangeSource } from './pod-names.ts';

/** Packet captures at the primaries of pods' devices. */
export class PacketCaptures {
  readonly #pods: Pick<PodChangeSource, 'summaries'>;
  readonly #application: string;
  readonly #open = new Set<PacketCapture>();

  /** Creates a manager of captures. @param application application name in the capture files */
  constructor(pods: Pick<PodChangeSource, 'summaries'>, application: string) {
    this.#pods = pods;
    this.#application = application;
  }

  /**
   * Starts a capture and returns its file as a stream. The kernel buffers 2 MiB for a slow reader.
   * @param id id of an existing pod @throws ProblemError `too_many`, `kernel_refused`
   */
  async open(id: string, what: CaptureQuery): Promise<Readable> {
    if (this.#open.size >= maxCaptures)
      throw new ProblemError('too_many', `${maxCaptures} captures are running already`, {
        hint: 'Stop a capture, or wait: each ends at its limit.',
      });
    const pod = requireValue(
      this.#pods.summaries().find((summary) => summary.id === id),
      `pod ${id}`,
    );
    const ring = new PacketSocket(pod.primary.ifindex, compileCaptureFilter(what, what.snaplen));
    const capture = new PacketCapture(ring, what, {
      application: this.#application,
      system: `${os.type()} ${os.release()}`,
      interfaceName: pod.primary.name,
      interfaceDescription: describe(pod),
      filter: formatTcpdumpFilter(what),
      snaplen: what.snaplen,
    });
    this.#open.add(capture);
    capture.once('close', () => this.#open.delete(capture));
    return capture;
  }

  /** Ends all running captures, so that their files are complete. */
  close(): void {
    for (const capture of this.#open) capture.finish();
  }
}

const describe = ({ namespace, name, kind, hooks }: PodSummary): string =>
  `primary of pod ${namespace}/${name} (${kind}, programs on ${hooks}); shows ${primaryCaptureDescriptions[hooks]}`;
