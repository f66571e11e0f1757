import { type ChildProcess, fork } from 'node:child_process';
import { join } from 'node:path';
import type { DeviceKind } from '../../../contract/device.ts';
import type { Migration, MigrationPlan } from '../../../contract/migration.ts';
import type { KernelCapabilityName } from '../../../contract/node.ts';
import type { NewPodInput, Pod } from '../../../contract/pod.ts';
import type { FaultAt } from './fault.ts';

export interface OpenArguments {
  database: string;
  pins: string;
  maxSlots: number;
  /** What pods had counted when an agent was killed: none may count less from then on. */
  totals: Map<string, bigint[]>;
  /** Whether a kill is SIGKILL, or leaves the datapath as it stands and opens another in the same process. */
  kill: 'process' | 'datapath';
  /** How often totals are compared with what they were. */
  sampleMs: number;
  /** Capabilities to do without although the kernel has them. */
  without: readonly KernelCapabilityName[];
  /** Whether this agent is killed too, after the first action of its recovery. */
  again: boolean;
}

/** What the agent says of a pod and its last migration. */
export interface NodeObservation {
  listed: boolean;
  /** null when its namespace is gone */
  pod: Pod | null;
  used: number;
  /** as the journal has it */
  migration: Migration | null;
  wentBack: string[];
  calls: Record<string, { made: number; refused: number }>;
  totals: Map<string, bigint[]>;
}

export type Call =
  | { name: 'open'; words: [OpenArguments] }
  | { name: 'attach'; words: [NewPodInput] }
  | { name: 'adopt'; words: [netns: string, name: string] }
  | { name: 'detach'; words: [id: string] }
  | { name: 'plan'; words: [id: string, to: DeviceKind] }
  | { name: 'migrate'; words: [id: string, to: DeviceKind | 'released', fault: FaultAt | null] }
  | { name: 'observe'; words: [id: string, migration: string | null] }
  | { name: 'close'; words: [] };
export type AgentCall = { type: 'call'; call: Call } | { type: 'go-on' };
export type AgentReply =
  | { type: 'answer'; answer: unknown }
  | { type: 'refused'; error: { message: string; code: string | undefined } }
  | { type: 'begun'; migration: string }
  | { type: 'reached' }
  /** Stands for its exit, where a kill leaves the process. */
  | { type: 'dead' };

/** How a migration went: it ended, could not begin, or the agent was killed under it. */
export type Outcome = { begun: string | null } & (
  | { how: 'ended'; migration: Migration }
  | { how: 'refused'; message: string; code: string | undefined }
  | { how: 'killed' }
);

/** An agent in a process of its own, in the stage's host namespace, in which things go wrong. */
export class FaultInjectedAgent {
  readonly #child: ChildProcess;
  readonly #ended: Promise<void>;

  constructor(host: string) {
    this.#child = fork(new URL('agent-child.ts', import.meta.url), {
      execPath: 'nsenter',
      execArgv: [`--net=${host}`, process.execPath],
      serialization: 'advanced',
      // Compiled sources are kept from start to start.
      env: { ...process.env, NODE_COMPILE_CACHE: join(import.meta.dirname, '../../../.cache/node') },
    });
    this.#ended = new Promise((resolve) => this.#child.once('exit', () => resolve()));
  }

  get pid(): number {
    return this.#child.pid!;
  }

  /** @returns whether it lives */
  async open(words: OpenArguments): Promise<boolean> {
    const said = await this.#converse({ name: 'open', words: [words] }, () => {});
    if (said.type === 'refused') throw new Error(`open: ${said.error.message}`);
    return said.type === 'answer';
  }

  attach = (pod: NewPodInput): Promise<Pod> => this.#ask({ name: 'attach', words: [pod] }) as Promise<Pod>;
  /** Adopts the pod in a namespace as shop/NAME. */
  adopt = (netns: string, name: string): Promise<Pod> =>
    this.#ask({ name: 'adopt', words: [netns, name] }) as Promise<Pod>;
  detach = (id: string): Promise<void> => this.#ask({ name: 'detach', words: [id] }) as Promise<void>;
  plan = (id: string, to: DeviceKind): Promise<MigrationPlan> =>
    this.#ask({ name: 'plan', words: [id, to] }) as Promise<MigrationPlan>;
  observe = (id: string, migration: string | null): Promise<NodeObservation> =>
    this.#ask({ name: 'observe', words: [id, migration] }) as Promise<NodeObservation>;
  close = (): Promise<void> => this.#ask({ name: 'close', words: [] }) as Promise<void>;

  /**
   * @param to `released` gives an adopted pod back
   * @param reached does what the fault is, when its moment has come
   */
  async migrate(
    id: string,
    to: DeviceKind | 'released',
    fault: FaultAt | null,
    reached: () => void | Promise<void>,
  ): Promise<Outcome> {
    let begun: string | null = null;
    const ended = await this.#converse({ name: 'migrate', words: [id, to, fault] }, async (message) => {
      if (message.type === 'begun') begun = message.migration;
      if (message.type !== 'reached') return;
      await reached();
      this.#child.send({ type: 'go-on' } satisfies AgentCall);
    });
    if (ended.type === 'dead') return { how: 'killed', begun };
    if (ended.type === 'refused') return { how: 'refused', begun, ...ended.error };
    return { how: 'ended', begun, migration: ended.answer as Migration };
  }

  async kill(): Promise<void> {
    if (this.#child.exitCode === null && this.#child.signalCode === null) this.#child.kill('SIGKILL');
    await this.#ended;
  }

  async #ask(call: Call): Promise<unknown> {
    const said = await this.#converse(call, () => {});
    if (said.type === 'answer') return said.answer;
    if (said.type === 'dead') throw new Error(`the agent ended when asked to ${call.name}`);
    throw Object.assign(new Error(`${call.name}: ${said.error.message}`), { code: said.error.code });
  }

  /** Asks, and hears what is said until the answer, a refusal or the end. */
  #converse(
    call: Call,
    hear: (message: AgentReply) => void | Promise<void>,
  ): Promise<Extract<AgentReply, { type: 'answer' | 'refused' | 'dead' }>> {
    return new Promise((resolve, reject) => {
      const onMessage = (message: AgentReply): void => {
        if (message.type === 'answer' || message.type === 'refused' || message.type === 'dead') end(message);
        else Promise.resolve(hear(message)).catch(reject);
      };
      const onExit = (): void => end({ type: 'dead' });
      const end = (message: Extract<AgentReply, { type: 'answer' | 'refused' | 'dead' }>): void => {
        this.#child.off('message', onMessage);
        this.#child.off('exit', onExit);
        resolve(message);
      };
      this.#child.on('message', onMessage);
      this.#child.on('exit', onExit);
      if (this.#child.exitCode !== null || this.#child.signalCode !== null) return onExit();
      this.#child.send({ type: 'call', call } satisfies AgentCall);
    });
  }
}
