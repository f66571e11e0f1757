import { z } from 'zod';
import type { AgentEvent } from '../../contract/agent-event.ts';
import {
  type Build,
  type BuildActivation,
  type DatapathBuildList as BuildList,
  type BuildSigner,
  sha256Schema,
} from '../../contract/build.ts';
import { maxBuilds, maxObjectFileSize } from '../../contract/limits.ts';
import { ProblemError } from '../../contract/problem.ts';
import { requireValue } from '../../contract/require-value.ts';
import type { SettingStore } from '../store/store-interfaces.ts';
import { type BuildFiles, computeObjectDigest, type StoredBuild } from './build-files.ts';
import type { TrustedSigners } from './trusted-signers.ts';

/** Schema of the stored build choice. `installed` is the SHA-256 of the bundled build at that time. */
const choice = z.object({ build: sha256Schema, previous: sha256Schema.nullable(), installed: sha256Schema });
type Choice = z.infer<typeof choice>;

/** Operations of the running datapath that builds need. */
export interface BuildRunner {
  /** SHA-256 of the build that the datapath runs. */
  readonly build: string;
  /** Number of BPF links and tc filters that run Podlane's programs. */
  attachments(): number;
  /**
   * Loads a build into the kernel and unloads it, as a test.
   * @throws ProblemError `build_incompatible`, `verifier_refused`, `bad_object`
   */
  testBuild(image: Buffer): Promise<void>;
  /**
   * Replaces the running build on all hooks, or on none if one fails. Calls `each` after each hook.
   * @throws ProblemError like `testBuild`
   */
  replaceBuild(image: Buffer, each: (replaced: number) => void): Promise<void>;
  publish(event: Omit<AgentEvent, 'id' | 'time'>): Promise<void>;
}

interface DatapathBuildsOptions {
  files: BuildFiles;
  signers: TrustedSigners;
  store: Pick<SettingStore, 'setting' | 'saveSetting'>;
  /** Content of the BPF object file bundled with the agent. */
  installed: Buffer;
}

/** Builds of the datapath's BPF programs on this node: adds, removes and activates them. */
export class DatapathBuilds {
  readonly #options: DatapathBuildsOptions;
  readonly #installed: string;
  #choice: Choice | null;
  #runner: BuildRunner | null = null;
  #activation: BuildActivation | null = null;

  private constructor(options: DatapathBuildsOptions, chosen: Choice | null) {
    this.#options = options;
    this.#installed = computeObjectDigest(options.installed).toString('hex');
    this.#choice = chosen;
  }

  static async open(options: DatapathBuildsOptions): Promise<DatapathBuilds> {
    const stored = choice.safeParse(await options.store.setting('node', 'build'));
    return new DatapathBuilds(options, stored.success ? stored.data : null);
  }

  /** Returns the object file to load when the agent starts; null for the bundled one. */
  chosenImage(): Buffer | null {
    const wanted = this.#choice?.build ?? this.#installed;
    if (wanted === this.#installed) return null;
    const stored = this.#options.files.read(wanted);
    return stored && this.#signerOf(stored) ? stored.image : null;
  }

  /**
   * Takes the running datapath, and publishes an event if it does not run the chosen build.
   * @param refusal why the chosen build could not be loaded
   */
  async runOn(runner: BuildRunner, refusal: ProblemError | null): Promise<void> {
    this.#runner = runner;
    const chosen = this.#choice?.build ?? this.#installed;
    if (runner.build !== chosen)
      await this.#publish(
        'build.undone',
        `The chosen build ${short(chosen)} cannot run: ${refusal?.message ?? 'it was removed, or is not signed by a trusted key'}. Running the bundled build ${short(runner.build)}`,
        'error',
      );
    else if (this.#newer())
      await this.#publish(
        'build.newer',
        `The agent bundles the newer build ${short(this.#installed)}; build ${short(chosen)} keeps running because it was chosen earlier`,
        'warning',
      );
  }

  list(): BuildList {
    const installed: Omit<Build, 'active' | 'previous'> = {
      sha256: this.#installed,
      bytes: this.#options.installed.length,
      installed: true,
      trusted: true,
      signer: null,
      addedAt: null,
      addedBy: null,
    };
    const added = this.#options.files
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

  signers(): BuildSigner[] {
    return this.#options.signers.list();
  }

  /**
   * Stores a build after checking its signature and loading its programs once. Idempotent.
   * @throws ProblemError `unsigned_build`, `too_large`, `too_many_builds`, `bad_object`, `build_incompatible`,
   * `verifier_refused`
   */
  async add(image: Buffer, signature: Buffer, actor: string): Promise<Build> {
    if (image.length > maxObjectFileSize)
      throw new ProblemError(
        'too_large',
        `add a build of ${image.length} bytes: the limit is ${maxObjectFileSize}`,
      );
    const digest = computeObjectDigest(image);
    const name = digest.toString('hex');
    // Checked before anything parses the object.
    const signer = this.#options.signers.signerOf(digest, signature);
    if (signer === null) throw this.#unsigned(`add build ${short(name)}`);
    const there = this.list().items.find((each) => each.sha256 === name);
    if (there?.trusted) return there;
    if (this.#options.files.list().length >= maxBuilds)
      throw new ProblemError(
        'too_many_builds',
        `add build ${short(name)}: there are ${maxBuilds} builds already`,
        {
          hint: 'Remove a build that is no longer needed.',
        },
      );
    await this.#run.testBuild(image);
    this.#options.files.write({
      sha256: name,
      image,
      signature: signature.toString('base64'),
      addedAt: new Date().toISOString(),
      addedBy: actor,
    });
    await this.#publish('build.added', `${actor} added build ${short(name)}, signed by ${signer.name}`);
    return requireValue(
      this.list().items.find((each) => each.sha256 === name),
      `build ${name}`,
    );
  }

  /** Removes an added build from the node. @throws ProblemError `build_not_found`, `build_active` */
  async remove(name: string, actor: string): Promise<void> {
    const found = this.#find(name);
    if (found.installed)
      throw new ProblemError('build_active', `remove build ${short(name)}: it is bundled with the agent`);
    if (found.active || this.#activation?.state === 'running')
      throw new ProblemError(
        'build_active',
        `remove build ${short(name)}: ${found.active ? 'it is running' : 'an activation is in progress'}`,
        { hint: 'Activate another build first.' },
      );
    this.#options.files.remove(name);
    await this.#publish('build.removed', `${actor} removed build ${short(name)}`);
  }

  /**
   * Replaces the running build on all devices, and resolves when that is done. If it throws, the previous build runs.
   * @throws ProblemError `build_not_found`, `unsigned_build`, `build_active`, `activation_running`,
   * `build_incompatible`, `verifier_refused`, `kernel_refused`
   */
  async activate(name: string, actor: string): Promise<BuildActivation> {
    const runner = this.#run;
    const what = `activate build ${short(name)}`;
    const image = this.#imageOf(this.#find(name), what);
    if (this.#activation?.state === 'running')
      throw new ProblemError(
        'activation_running',
        `${what}: build ${short(this.#activation.build)} is being activated`,
      );
    if (runner.build === name) throw new ProblemError('build_active', `${what}: it is already running`);
    const before = runner.build;
    const activation: BuildActivation = {
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
    await this.#publish(
      'build.activated',
      `${actor} replaced build ${short(before)} with ${short(name)} on ${activation.attachments.replaced} hooks`,
    );
    return activation;
  }

  /** Activates the previously active build. @throws ProblemError `no_previous_build`, and those of `activate` */
  async rollBack(actor: string): Promise<BuildActivation> {
    const previous = this.#choice?.previous;
    if (!previous || !this.list().items.some((each) => each.sha256 === previous))
      throw new ProblemError('no_previous_build', 'roll back: there is no previous build, or it was removed');
    return this.activate(previous, actor);
  }

  async #undo(activation: BuildActivation, error: Error): Promise<void> {
    const { build, from } = activation;
    // The choice could not be stored: run what a restarted agent would run.
    const image = from === this.#installed ? this.#options.installed : this.#options.files.read(from)?.image;
    if (this.#run.build === build && image) await this.#run.replaceBuild(image, () => {});
    activation.state = 'undone';
    activation.error = error.message;
    await this.#publish(
      'build.undone',
      `Build ${short(build)} could not be activated: ${error.message}. Running build ${short(this.#run.build)}`,
      'error',
    );
  }

  async #choose(build: string, previous: string): Promise<void> {
    const chosen = { build, previous, installed: this.#installed };
    await this.#options.store.saveSetting('node', 'build', chosen);
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
      hint: 'GET /api/v1/builds lists the builds.',
    });
  }

  #imageOf({ sha256: name, installed }: Build, what: string): Buffer {
    if (installed) return this.#options.installed;
    const stored = requireValue(this.#options.files.read(name), `build ${name}`);
    if (this.#signerOf(stored) === null) throw this.#unsigned(what);
    return stored.image;
  }

  #signerOf({ sha256: name, signature }: StoredBuild): BuildSigner | null {
    return this.#options.signers.signerOf(Buffer.from(name, 'hex'), Buffer.from(signature, 'base64'));
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
      `${what}: it is not signed by a trusted key (${names.length > 0 ? names.join(', ') : 'no key is trusted'})`,
      {
        hint: 'Sign it with node scripts/sign-build.ts, and pass the folder of public keys to the agent with --trust.',
      },
    );
  }

  get #run(): BuildRunner {
    if (this.#runner === null) throw new ProblemError('internal', 'the datapath is not running yet');
    return this.#runner;
  }

  async #publish(
    type: AgentEvent['type'],
    message: string,
    severity: AgentEvent['severity'] = 'info',
  ): Promise<void> {
    await this.#run.publish({ type, severity, podId: null, migrationId: null, message });
  }
}

/** Shortens a build's SHA-256 for messages. */
const short = (name: string): string => name.slice(0, 12);
