import type { BpfObjectHolder, BpfOwner } from '../../contract/program.ts';
import type { TimedNodeScan } from './bpf-scanner.ts';

type Kind = 'program' | 'map' | 'link';

/** BPF objects that belong to the agent. */
export interface AgentBpfObjects {
  /** Directory of the agent's pins in the bpf file system. */
  pins: string;
  /** Returns the ids of the BPF programs of the running datapath. */
  programIds(): readonly number[];
}

/** Owner of a BPF object, with the processes that hold it open and its pins. */
export interface BpfObjectOwnership {
  owner: BpfOwner;
  holders: BpfObjectHolder[];
  pins: string[];
}

/** Owner name of programs that users attached to pods, and of their maps. */
export const userProgramOwner = 'user of a pod';

/** Owner names by folder of Podlane's pins; other folders use the folder name as owner. */
const folders: Record<string, string> = {
  programs: 'datapath',
  maps: 'datapath',
  links: 'datapath',
  users: userProgramOwner,
  observe: 'observed pods',
};

/** Finds the owners of BPF programs, maps and links from the file descriptors and pins of one scan. */
export class BpfObjectOwners {
  readonly #ours: AgentBpfObjects;
  readonly #scan: TimedNodeScan;
  readonly #datapath: ReadonlySet<number>;
  readonly #pins = new Map<string, string[]>();
  readonly #holders = new Map<string, BpfObjectHolder[]>();

  constructor(ours: AgentBpfObjects, scan: TimedNodeScan) {
    this.#ours = ours;
    this.#scan = scan;
    this.#datapath = new Set(ours.programIds());
    for (const { kind, id, path } of scan.pins) add(this.#pins, `${kind} ${id}`, path);
    for (const { kind, id, pid, name } of scan.holders) add(this.#holders, `${kind} ${id}`, { pid, name });
  }

  /** Finds the owner of a BPF program, which may be held open only by the owner of its link. */
  program(id: number): BpfObjectOwnership {
    const links = this.#scan.links.filter(({ link }) => link.programId === id);
    return this.#held('program', id, () => {
      for (const { link } of links) {
        const { owner } = this.link(link.id);
        if (owner.kind !== 'unknown') return owner;
      }
      const places = this.#scan.attachments.filter(({ programId }) => programId === id);
      const why =
        places.length === 0
          ? 'not pinned, and no process that holds it was found'
          : `not pinned, and no process that holds it was found: ${places[0]?.hook} of ${places[0]?.target} keeps it`;
      return { kind: 'unknown', why };
    });
  }

  /** Finds the owner of a BPF map. @param programs ids of the programs that use the map */
  map(id: number, programs: readonly number[]): BpfObjectOwnership {
    return this.#held('map', id, () => {
      for (const program of programs) {
        const { owner } = this.program(program);
        if (owner.kind !== 'unknown') return owner;
      }
      const why =
        programs.length === 0
          ? 'not pinned, and neither a process that holds it nor a program that uses it was found'
          : `held only by programs: ${programs.join(', ')}`;
      return { kind: 'unknown', why };
    });
  }

  link(id: number): BpfObjectOwnership {
    return this.#held('link', id, () => ({
      kind: 'unknown',
      why: 'not pinned, and no process that holds it was found',
    }));
  }

  #held(kind: Kind, id: number, otherwise: () => BpfOwner): BpfObjectOwnership {
    const pins = this.#pins.get(`${kind} ${id}`) ?? [];
    const holders = this.#holders.get(`${kind} ${id}`) ?? [];
    const unread: BpfOwner | null = this.#scan.added[kind].has(id)
      ? { kind: 'unknown', why: 'it was added a moment ago, and its pins and holders are being read' }
      : null;
    return { owner: this.#owner(kind, id, pins, holders) ?? unread ?? otherwise(), holders, pins };
  }

  #owner(
    kind: Kind,
    id: number,
    pins: readonly string[],
    [holder]: readonly BpfObjectHolder[],
  ): BpfOwner | null {
    if (kind === 'program' && this.#datapath.has(id)) return { kind: 'podlane', what: 'datapath' };
    const own = pins.find((path) => path.startsWith(`${this.#ours.pins}/`));
    if (own !== undefined) {
      const [folder = ''] = own.slice(this.#ours.pins.length + 1).split('/');
      return { kind: 'podlane', what: folders[folder] ?? folder };
    }
    if (this.#scan.own[kind].has(id)) return { kind: 'podlane', what: 'agent' };
    if (holder !== undefined) return { kind: 'process', ...holder };
    return pins[0] === undefined ? null : { kind: 'pin', path: pins[0] };
  }
}

function add<T>(lists: Map<string, T[]>, key: string, value: T): void {
  const list = lists.get(key);
  if (list) list.push(value);
  else lists.set(key, [value]);
}
