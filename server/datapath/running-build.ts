import type { Event } from '../../contract/event.ts';
import type { ProblemError } from '../../contract/problem.ts';
import type { DatapathContext } from './context.ts';
import { attachFamily } from './device/our-programs.ts';
import { asProblemError } from './errors.ts';
import { isGone } from './pod-activity.ts';

/** The object that our programs were loaded from, and how another gets in its place. */
export class RunningBuild {
  /** Why the object that was asked for at the start does not run, and the installed one does. */
  readonly refusal: ProblemError | null;
  readonly #context: DatapathContext;

  constructor(context: DatapathContext, refusal: ProblemError | null) {
    this.#context = context;
    this.refusal = refusal;
  }

  /** SHA-256 of the object. */
  get build(): string {
    return this.#context.kernel.programs.build;
  }

  /** Links and filters that run our programs. */
  attachments(): number {
    return this.#context.kernel.programs.attachedLinks().length + 2 * this.#filtered().length;
  }

  /** Loads an object and lets it go. @throws ProblemError `bad_object`, `build_incompatible`, `verifier_refused` */
  async tryBuild(image: Buffer): Promise<void> {
    await this.#context.kernel.programs.tryOut(image).catch(rethrow);
  }

  /**
   * Puts another object's programs in the place of ours on all devices, no packet passing without; counters, rules
   * and connections go on. What fails leaves, or puts back, those of before.
   * @param each hears how many hooks have the new ones
   * @throws ProblemError as `testBuild`, `kernel_refused`
   */
  async replaceBuild(image: Buffer, each: (replaced: number) => void): Promise<void> {
    const { kernel } = this.#context;
    let done = 0;
    const filters = async () => {
      for (const slot of this.#filtered()) {
        await attachFamily(kernel, slot, 'tc');
        done += 2;
        each(done);
      }
    };
    await kernel.programs
      .replace(image, {
        filters,
        each(replaced) {
          done = replaced;
          each(replaced);
        },
      })
      .catch(rethrow);
  }

  /** Writes an event down and emits it. */
  publish(event: Omit<Event, 'id' | 'time'>): Promise<void> {
    return this.#context.publish.event(event);
  }

  /** Slots whose devices have our programs as filters of clsact, which no link holds. */
  #filtered(): number[] {
    return this.#context.registry
      .all()
      .filter((pod) => !isGone(pod))
      .flatMap((pod) => pod.devices)
      .filter((device) => device.hooks === 'tc')
      .map((device) => device.slot);
  }
}

const rethrow = (error: unknown): never => {
  throw asProblemError(error);
};
