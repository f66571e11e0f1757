import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import type { AttachedProgram, Hook } from '../../../contract/device.ts';
import type { AttachAnchor } from '../../../server/bpf/attach-anchor.ts';
import type { DatapathPrograms } from '../../../server/bpf/datapath.ts';
import type { PinnedDatapathLink } from '../../../server/bpf/datapath-links.ts';
import type { DecodedSlotEntry, EndpointEntry, SlotEntry } from '../../../server/bpf/datapath-structs.ts';
import type { LinkHook } from '../../../server/bpf/hook.ts';
import type { TcHook } from '../../../server/netlink/tc-filter.ts';
import { hooksOf, type PodDevice } from './node-fixture.ts';

export interface OpenArguments {
  maxSlots?: number;
  /** Path of the object to load. */
  object?: string;
  /** Set by `fill`, after the load and before links are updated. */
  fill?: {
    slots: [slot: number, entry: SlotEntry][];
    endpoints: [address: string, endpoint: EndpointEntry][];
  };
}

export type Call =
  | { name: 'open'; args: [pins: string, args: OpenArguments] }
  | { name: 'replace'; args: [args: { object: string; failAt?: number | undefined }] }
  | { name: 'holdStatistics' | 'attachAfterNat' | 'links' | 'endpoints' | 'destroy'; args: [] }
  | { name: 'attach'; args: [hook: LinkHook, slot: number, order?: AttachAnchor | undefined] }
  | { name: 'detach'; args: [slot: number, hooks?: readonly Hook[] | undefined] }
  | { name: 'clearSlot' | 'readSlot' | 'read' | 'clear'; args: [slot: number] }
  | { name: 'query'; args: [slot: number, hook: LinkHook] }
  | { name: 'setSlot'; args: [slot: number, entry: SlotEntry] }
  | { name: 'setPacketChecks'; args: Parameters<DatapathPrograms['setPacketChecks']> }
  | { name: 'setEndpoint'; args: [address: string, endpoint: EndpointEntry] }
  | { name: 'removeEndpoint'; args: [address: string] }
  | { name: 'attachFilter'; args: [hook: TcHook, slot: number] }
  | { name: 'loadForeign'; args: [name: string] }
  | {
      name: 'attachForeign';
      args: [id: number, hook: LinkHook, slot: number, order?: AttachAnchor | undefined];
    }
  | { name: 'detachForeign'; args: [id: number, hook: LinkHook, slot: number] };

export type Opened = Pick<
  DatapathPrograms,
  'takeover' | 'build' | 'updatedLinks' | 'programIds' | 'maxSlots'
>;

/** A datapath in a process of its own, in the fixture's host namespace, that can be killed. */
export class Agent implements AsyncDisposable {
  readonly #child: ChildProcess;
  readonly #pins: string;

  constructor(fixture: { host: string; pins: string }) {
    this.#pins = fixture.pins;
    this.#child = fork(new URL('agent-child.ts', import.meta.url), {
      execPath: 'nsenter',
      execArgv: [`--net=${fixture.host}`, process.execPath],
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

  open = (args: OpenArguments = {}) =>
    this.#call({ name: 'open', args: [this.#pins, args] }) as Promise<Opened>;
  /** Replaces the programs while they run; with `failAt` it fails once so many links are replaced. */
  replace = (object: string, failAt?: number) =>
    this.#call({ name: 'replace', args: [{ object, failAt }] }) as Promise<{
      replaced: number;
      build: string;
      programIds: number[];
    }>;
  holdStatistics = () => this.#call({ name: 'holdStatistics', args: [] });
  attachAfterNat = () => this.#call({ name: 'attachAfterNat', args: [] });
  attach = (hook: LinkHook, slot: number, order?: AttachAnchor) =>
    this.#call({ name: 'attach', args: [hook, slot, order] });
  detach = (slot: number, hooks?: readonly Hook[]) => this.#call({ name: 'detach', args: [slot, hooks] });
  links = () => this.#call({ name: 'links', args: [] }) as Promise<PinnedDatapathLink[]>;
  query = (slot: number, hook: LinkHook) =>
    this.#call({ name: 'query', args: [slot, hook] }) as Promise<AttachedProgram[]>;
  setSlot = (slot: number, entry: SlotEntry) => this.#call({ name: 'setSlot', args: [slot, entry] });
  setPacketChecks = (...args: Parameters<DatapathPrograms['setPacketChecks']>) =>
    this.#call({ name: 'setPacketChecks', args });
  readSlot = (slot: number) =>
    this.#call({ name: 'readSlot', args: [slot] }) as Promise<DecodedSlotEntry | null>;
  clearSlot = (slot: number) => this.#call({ name: 'clearSlot', args: [slot] });
  setEndpoint = (address: string, endpoint: EndpointEntry) =>
    this.#call({ name: 'setEndpoint', args: [address, endpoint] });
  removeEndpoint = (address: string) => this.#call({ name: 'removeEndpoint', args: [address] });
  endpoints = () =>
    this.#call({ name: 'endpoints', args: [] }) as Promise<ReturnType<DatapathPrograms['endpoints']>>;
  /** Our program as a filter of clsact, which is made. */
  attachFilter = (hook: TcHook, slot: number) => this.#call({ name: 'attachFilter', args: [hook, slot] });
  /** Both programs of ours at a pod's device, as links or as filters. */
  attachBoth = async (slot: number, hooks: PodDevice['hooks']) => {
    for (const hook of [hooksOf[hooks].ingress, hooksOf[hooks].egress])
      if (hook === 'tc/ingress' || hook === 'tc/egress') await this.attachFilter(hook, slot);
      else await this.attach(hook, slot);
  };
  /** Loads a program that only says NEXT; the agent process holds it. Answers its id. */
  loadForeign = (name: string) => this.#call({ name: 'loadForeign', args: [name] }) as Promise<number>;
  attachForeign = (id: number, hook: LinkHook, slot: number, order?: AttachAnchor) =>
    this.#call({ name: 'attachForeign', args: [id, hook, slot, order] });
  detachForeign = (id: number, hook: LinkHook, slot: number) =>
    this.#call({ name: 'detachForeign', args: [id, hook, slot] });
  read = (slot: number) => this.#call({ name: 'read', args: [slot] }) as Promise<bigint[]>;
  clear = (slot: number) => this.#call({ name: 'clear', args: [slot] });
  destroy = () => this.#call({ name: 'destroy', args: [] });

  async kill(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    this.#child.kill('SIGKILL');
    await once(this.#child, 'exit');
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.kill();
  }
}
