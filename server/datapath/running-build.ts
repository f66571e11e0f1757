import type { AgentEvent } from '../../contract/agent-event.ts';
import type { ProblemError } from '../../contract/problem.ts';
import type { DatapathContext } from './datapath-context.ts';
import { attachHookFamily } from './device/podlane-programs.ts';
import { isPodGone } from './pod-activity.ts';
import { wrapAsProblemError } from './wrap-as-problem.ts';

/** Holds the BPF object that Podlane's programs run from, and replaces it with another build. */
export class RunningBuild {
  /** Reason why the installed object runs instead of the one requested at start; null if the requested object runs. */
  readonly refusal: ProblemError | null;
  readonly #context: DatapathContext;

  constructor(context: DatapathContext, refusal: ProblemError | null) {
    this.#context = context;
    this.refusal = refusal;
  }

  /** SHA-256 of the running BPF object. */
  get build(): string {
    return this.#context.kernel.programs.build;
  }

  /** Counts the BPF links and tc filters that run Podlane's programs. */
  attachments(): number {
    return this.#context.kernel.programs.attachedLinks().length + 2 * this.#slotsWithFilters().length;
  }

  /**
   * Loads a BPF object and unloads it again, to test that the kernel accepts it.
   * @throws ProblemError `bad_object`, `build_incompatible` or `verifier_refused`
   */
  async testBuild(image: Buffer): Promise<void> {
    await this.#context.kernel.programs.testLoad(image).catch(rethrow);
  }

  /**
   * Replaces the programs on all devices by another object's, with no packet unchecked in between. Counters, rules and
   * connections stay. A failure leaves or restores the previous programs.
   * @param each called with the number of replaced hooks
   * @throws ProblemError as `testBuild`, `kernel_refused`
   */
  async replaceBuild(image: Buffer, each: (replaced: number) => void): Promise<void> {
    const { kernel } = this.#context;
    let done = 0;
    await kernel.programs
      .replace(image, {
        filters: () =>
          this.#replaceFilters(() => {
            done += 2;
            each(done);
          }),
        each(replaced) {
          done = replaced;
          each(replaced);
        },
      })
      .catch(rethrow);
  }

  /**
   * Loads the running build anew once the kernel has got the module nf_conntrack, so that the redirect respects NAT and
   * rules see the real ends of translated connections.
   */
  async useNewFeatures(): Promise<void> {
    const { kernel } = this.#context;
    if (!(await kernel.programs.useNewFeatures(() => this.#replaceFilters()))) return;
    await this.publish({
      type: 'build.activated',
      severity: 'info',
      podId: null,
      migrationId: null,
      message: 'The kernel has conntrack now: the programs were loaded anew and look connections up in it',
    });
  }

  async #replaceFilters(each: () => void = () => {}): Promise<void> {
    for (const slot of this.#slotsWithFilters()) {
      await attachHookFamily(this.#context.kernel, slot, 'tc');
      each();
    }
  }

  /** Stores and publishes an event. */
  publish(event: Omit<AgentEvent, 'id' | 'time'>): Promise<void> {
    return this.#context.publish.event(event);
  }

  /** Lists the slots whose programs are attached as clsact filters, which have no BPF link. */
  #slotsWithFilters(): number[] {
    return this.#context.registry
      .all()
      .filter((pod) => !isPodGone(pod))
      .flatMap((pod) => pod.devices)
      .filter((device) => device.hooks === 'tc')
      .map((device) => device.slot);
  }
}

const rethrow = (error: unknown): never => {
  throw wrapAsProblemError(error);
};
