import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import type { AttachedProgram } from '../../../contract/device.ts';
import type { DatapathPrograms } from '../../../server/bpf/datapath.ts';
import type { PinnedLink } from '../../../server/bpf/datapath-links.ts';
import type { SlotEntry } from '../../../server/bpf/layout.ts';
import type { LinkHook } from '../../../server/bpf/query.ts';
import type { Stage } from './stage.ts';

export type Call =
  | { name: 'open'; words: [pins: string, maxSlots: number, object: string | null] }
  | { name: 'holdStatistics' | 'links' | 'destroy'; words: [] }
  | { name: 'attach'; words: [hook: LinkHook, slot: number] }
  | { name: 'detach' | 'clearSlot' | 'read' | 'clear'; words: [slot: number] }
  | { name: 'query'; words: [slot: number, hook: LinkHook] }
  | { name: 'setSlot'; words: [slot: number, sources: SlotEntry] };

export type Opened = Pick<
  DatapathPrograms,
  'takeover' | 'build' | 'updatedLinks' | 'programIds' | 'maxSlots'
>;

/** A datapath in a process of its own, in the stage's host namespace, that can be killed. */
export class Agent implements AsyncDisposable {
  readonly #child: ChildProcess;
  readonly #pins: string;

  constructor(stage: Stage) {
    this.#pins = stage.pins;
    this.#child = fork(new URL('agent-child.ts', import.meta.url), {
      execPath: 'nsenter',
      execArgv: [`--net=${stage.host}`, process.execPath],
      serialization: 'advanced',
    });
  }

  async #call(call: Call): Promise<unknown> {
    this.#child.send(call);
    const [reply] = (await once(this.#child, 'message')) as [
      { answer: unknown; error?: { message: string; code?: string; hint?: string } },
    ];
    if (reply.error) throw Object.assign(new Error(reply.error.message), reply.error);
    return reply.answer;
  }

  open = (maxSlots = 64, object: string | null = null) =>
    this.#call({ name: 'open', words: [this.#pins, maxSlots, object] }) as Promise<Opened>;
  holdStatistics = () => this.#call({ name: 'holdStatistics', words: [] });
  attach = (hook: LinkHook, slot: number) => this.#call({ name: 'attach', words: [hook, slot] });
  detach = (slot: number) => this.#call({ name: 'detach', words: [slot] });
  links = () => this.#call({ name: 'links', words: [] }) as Promise<PinnedLink[]>;
  query = (slot: number, hook: LinkHook) =>
    this.#call({ name: 'query', words: [slot, hook] }) as Promise<AttachedProgram[]>;
  setSlot = (slot: number, sources: SlotEntry) => this.#call({ name: 'setSlot', words: [slot, sources] });
  clearSlot = (slot: number) => this.#call({ name: 'clearSlot', words: [slot] });
  read = (slot: number) => this.#call({ name: 'read', words: [slot] }) as Promise<bigint[]>;
  clear = (slot: number) => this.#call({ name: 'clear', words: [slot] });
  destroy = () => this.#call({ name: 'destroy', words: [] });

  async kill(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    this.#child.kill('SIGKILL');
    await once(this.#child, 'exit');
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.kill();
  }
}
