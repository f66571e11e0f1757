import { z } from 'zod';
import {
  type Activation,
  type Build,
  type Builds as BuildList,
  type Signer,
  sha256,
} from '../../contract/build.ts';
import type { Event } from '../../contract/event.ts';
import { maxBuilds, maxObjectBytes } from '../../contract/limits.ts';
import { ProblemError } from '../../contract/problem.ts';
import type { SettingStore } from '../store/port.ts';
import { type BuildFiles, objectDigest, type StoredBuild } from './build-files.ts';
import type { TrustedSigners } from './trusted-signers.ts';

/** What was chosen to run; `installed` was the installed one then. */
const choice = z.object({ build: sha256, previous: sha256.nullable(), installed: sha256 });
type Choice = z.infer<typeof choice>;

/** What builds run on. */
export interface BuildRunner {
  /** The one that runs, by its SHA-256. */
  readonly build: string;
  /** Links and filters that run our programs. */
  attachments(): number;
  /** Loads it and lets it go. @throws ProblemError `build_incompatible`, `verifier_refused`, `bad_object` */
  testBuild(image: Buffer): Promise<void>;
  /** Puts it in the place of what runs, or leaves that. `each` hears of every replacement. @throws as `testBuild` */
  replaceBuild(image: Buffer, each: (replaced: number) => void): Promise<void>;
  publish(event: Omit<Event, 'id' | 'time'>): Promise<void>;
}

interface DatapathBuildsOptions {
  files: BuildFiles;
  signers: TrustedSigners;
  store: Pick<SettingStore, 'setting' | 'saveSetting'>;
  /** The object that comes with the agent. */
  installed: Buffer;
}

/** The datapaths that this node may run: which there are, which runs, and how another gets in its place. */
export class DatapathBuilds {
  readonly #parts: DatapathBuildsOptions;
  readonly #installed: string;
  #choice: Choice | null;
  #runner: BuildRunner | null = null;
  #activation: Activation | null = null;

  private constructor(parts: DatapathBuildsOptions, chosen: Choice | null) {
    this.#parts = parts;
    this.#installed = objectDigest(parts.installed).toString('hex');
    this.#choice = chosen;
  }

  static async open(parts: DatapathBuildsOptions): Promise<DatapathBuilds> {
    const kept = choice.safeParse(await parts.store.setting('node', 'build'));
    return new DatapathBuilds(parts, kept.success ? kept.data : null);
  }

  /** The object that is to run when the agent starts; null: the installed one. */
  chosenImage(): Buffer | null {
    const wanted = this.#choice?.build ?? this.#installed;
    if (wanted === this.#installed) return null;
    const stored = this.#parts.files.read(wanted);
    return stored && this.#signerOf(stored) ? stored.image : null;
  }

  /**
   * To be called once the datapath runs; says what is not as it was chosen.
   * @param refusal why the chosen build did not start
   */
  async runOn(runner: BuildRunner, refusal: ProblemError | null): Promise<void> {
    this.#runner = runner;
    const chosen = this.#choice?.build ?? this.#installed;
    if (runner.build !== chosen)
      await this.#tell(
        'build.undone',
        `Build ${short(chosen)} was chosen and cannot run: ${refusal?.message ?? 'it is gone, or no trusted key signed it'}. Build ${short(runner.build)}, which came with the agent, runs`,
        'error',
      );
    else if (this.#newer())
      await this.#tell(
        'build.newer',
        `The agent came with build ${short(this.#installed)}; build ${short(chosen)} runs, because it was chosen before`,
        'warning',
      );
  }

  list(): BuildList {
    const installed: Omit<Build, 'active' | 'previous'> = {
      sha256: this.#installed,
      bytes: this.#parts.installed.length,
      installed: true,
      trusted: true,
      signer: null,
      addedAt: null,
      addedBy: null,
    };
    const added = this.#parts.files
      .list()
      .filter((stored) => stored.sha256 !== this.#installed)
      .map((stored) => this.#described(stored));
    return {
      items: [installed, ...added].map((each) => ({
        ...each,
        active: each.sha256 === this.#runner?.build,
        previous: each.sha256 === this.#choice?.previous,
      })),
      newer: this.#newer(),
      activation: this.#activation,
    };
  }

  signers(): Signer[] {
    return this.#parts.signers.list();
  }

  /**
   * Keeps a build, once its signature is found good and the kernel has taken its programs. Again is as well.
   * @throws ProblemError `unsigned_build`, `too_large`, `too_many_builds`, `bad_object`, `build_incompatible`,
   * `verifier_refused`
   */
  async add(image: Buffer, signature: Buffer, actor: string): Promise<Build> {
    if (image.length > maxObjectBytes)
      throw new ProblemError(
        'too_large',
        `add a build of ${image.length} bytes: ${maxObjectBytes} at the most`,
      );
    const digest = objectDigest(image);
    const name = digest.toString('hex');
    // Before anything reads what is in it.
    const signer = this.#parts.signers.signerOf(digest, signature);
    if (signer === null) throw this.#unsigned(`add build ${short(name)}`);
    const there = this.list().items.find((each) => each.sha256 === name);
    if (there?.trusted) return there;
    if (this.#parts.files.list().length >= maxBuilds)
      throw new ProblemError(
        'too_many_builds',
        `add build ${short(name)}: ${maxBuilds} are kept, and no more`,
        {
          hint: 'Remove one that is not needed.',
        },
      );
    await this.#run.testBuild(image);
    this.#parts.files.write({
      sha256: name,
      image,
      signature: signature.toString('base64'),
      addedAt: new Date().toISOString(),
      addedBy: actor,
    });
    await this.#tell('build.added', `${actor} added build ${short(name)}, signed by ${signer.name}`);
    return this.list().items.find((each) => each.sha256 === name)!;
  }

  /** @throws ProblemError `build_not_found`, `build_active` */
  async remove(name: string, actor: string): Promise<void> {
    const found = this.#find(name);
    if (found.installed)
      throw new ProblemError('build_active', `remove build ${short(name)}: it came with the agent`);
    if (found.active || this.#activation?.state === 'running')
      throw new ProblemError(
        'build_active',
        `remove build ${short(name)}: ${found.active ? 'it runs' : 'one is being activated'}`,
        { hint: 'Activate another one first.' },
      );
    this.#parts.files.remove(name);
    await this.#tell('build.removed', `${actor} removed build ${short(name)}`);
  }

  /**
   * Puts a build in the place of what runs, on all devices. Resolves when it is done.
   * @throws ProblemError `build_not_found`, `unsigned_build`, `build_active`, `activation_running`,
   * `build_incompatible`, `verifier_refused`, `kernel_refused`; then what ran before runs
   */
  async activate(name: string, actor: string): Promise<Activation> {
    const runner = this.#run;
    const what = `activate build ${short(name)}`;
    const image = this.#imageOf(this.#find(name), what);
    if (this.#activation?.state === 'running')
      throw new ProblemError(
        'activation_running',
        `${what}: ${short(this.#activation.build)} is being activated`,
      );
    if (runner.build === name) throw new ProblemError('build_active', `${what}: it runs already`);
    const before = runner.build;
    const activation: Activation = {
      build: name,
      from: before,
      actor,
      state: 'running',
      milliseconds: null,
      error: null,
      attachments: { total: runner.attachments(), replaced: 0 },
      startedAt: new Date().toISOString(),
    };
    this.#activation = activation;
    let first = 0;
    try {
      await runner.replaceBuild(image, (replaced) => {
        if (replaced === 1) first = performance.now();
        activation.attachments.replaced = replaced;
      });
      activation.milliseconds = first === 0 ? 0 : performance.now() - first;
      await this.#choose(name, before);
    } catch (error) {
      await this.#undo(activation, error as Error);
      throw error;
    }
    activation.state = 'done';
    await this.#tell(
      'build.activated',
      `${actor} put build ${short(name)} in the place of ${short(before)} on ${activation.attachments.replaced} hooks`,
    );
    return activation;
  }

  /** Activates the build before. @throws ProblemError `no_previous_build`, and as `activate` */
  async rollBack(actor: string): Promise<Activation> {
    const previous = this.#choice?.previous;
    if (!previous || !this.list().items.some((each) => each.sha256 === previous))
      throw new ProblemError(
        'no_previous_build',
        'roll back: no build ran before this one that is still here',
      );
    return this.activate(previous, actor);
  }

  async #undo(activation: Activation, error: Error): Promise<void> {
    const { build, from } = activation;
    // The choice could not be written: what an agent that starts would run is to run now.
    const image = from === this.#installed ? this.#parts.installed : this.#parts.files.read(from)?.image;
    if (this.#run.build === build && image) await this.#run.replaceBuild(image, () => {});
    activation.state = 'undone';
    activation.error = error.message;
    await this.#tell(
      'build.undone',
      `Build ${short(build)} could not be activated, ${short(this.#run.build)} runs: ${error.message}`,
      'error',
    );
  }

  async #choose(build: string, previous: string): Promise<void> {
    const chosen = { build, previous, installed: this.#installed };
    await this.#parts.store.saveSetting('node', 'build', chosen);
    this.#choice = chosen;
  }

  #newer(): boolean {
    const chosen = this.#choice;
    return (
      chosen !== null &&
      chosen.build !== this.#installed &&
      chosen.installed !== this.#installed &&
      this.#runner?.build === chosen.build
    );
  }

  #find(name: string): Build {
    const found = this.list().items.find((each) => each.sha256 === name);
    if (found) return found;
    throw new ProblemError('build_not_found', `there is no build ${name}`, {
      hint: 'GET /api/v1/builds lists those that are kept.',
    });
  }

  #imageOf({ sha256: name, installed }: Build, what: string): Buffer {
    if (installed) return this.#parts.installed;
    const stored = this.#parts.files.read(name)!;
    if (this.#signerOf(stored) === null) throw this.#unsigned(what);
    return stored.image;
  }

  #signerOf({ sha256: name, signature }: StoredBuild): Signer | null {
    return this.#parts.signers.signerOf(Buffer.from(name, 'hex'), Buffer.from(signature, 'base64'));
  }

  #described(stored: StoredBuild): Omit<Build, 'active' | 'previous'> {
    const signer = this.#signerOf(stored)?.name ?? null;
    const { sha256: name, addedAt, addedBy, image } = stored;
    return {
      sha256: name,
      bytes: image.length,
      installed: false,
      signer,
      trusted: signer !== null,
      addedAt,
      addedBy,
    };
  }

  #unsigned(what: string): ProblemError {
    const names = this.signers().map(({ name }) => name);
    return new ProblemError(
      'unsigned_build',
      `${what}: the signature is of none of the trusted keys${names.length > 0 ? ` (${names.join(', ')})` : ': there are none'}`,
      {
        hint: 'Sign it with node scripts/sign-build.ts, and give the agent the folder of public keys by --trust.',
      },
    );
  }

  get #run(): BuildRunner {
    if (this.#runner === null) throw new ProblemError('internal', 'the datapath does not run yet');
    return this.#runner;
  }

  async #tell(type: Event['type'], message: string, severity: Event['severity'] = 'info'): Promise<void> {
    await this.#run.publish({ type, severity, podId: null, migrationId: null, message });
  }
}

/** A build as sentences name it. */
const short = (name: string): string => name.slice(0, 12);
