import type { BpfOwner, Holder } from '../../contract/program.ts';
import type { TimedScan } from './scanner.ts';

type Kind = 'program' | 'map' | 'link';

/** What of this node is the agent's. */
export interface AgentObjects {
  /** The directory of our pins. */
  pins: string;
  /** Of the datapath that runs. */
  programIds(): readonly number[];
}

/** What is known of who has one object. */
export interface Ownership {
  owner: BpfOwner;
  holders: Holder[];
  pins: string[];
}

/** Programs that users attached to pods, with their maps. */
export const userProgramOwner = 'user of a pod';

/** Whose the folders of our pins are; others are named by themselves. */
const folders: Record<string, string> = {
  programs: 'datapath',
  maps: 'datapath',
  links: 'datapath',
  users: userProgramOwner,
};

/** Whose programs, maps and links are, by what one scan found of descriptors and pins. */
export class ObjectOwners {
  readonly #ours: AgentObjects;
  readonly #scan: TimedScan;
  readonly #datapath: ReadonlySet<number>;
  readonly #pins = new Map<string, string[]>();
  readonly #holders = new Map<string, Holder[]>();

  constructor(ours: AgentObjects, scan: TimedScan) {
    this.#ours = ours;
    this.#scan = scan;
    this.#datapath = new Set(ours.programIds());
    for (const { kind, id, path } of scan.pins) add(this.#pins, `${kind} ${id}`, path);
    for (const { kind, id, pid, name } of scan.holders) add(this.#holders, `${kind} ${id}`, { pid, name });
  }

  /** A program is also whose links hold it at a place: many are loaded, attached and let go of. */
  program(id: number): Ownership {
    const links = this.#scan.links.filter(({ link }) => link.programId === id);
    return this.#held('program', id, () => {
      for (const { link } of links) {
        const { owner } = this.link(link.id);
        if (owner.kind !== 'unknown') return owner;
      }
      const places = this.#scan.attachments.filter(({ programId }) => programId === id);
      const why =
        places.length === 0
          ? 'no process was found that holds it, and it is not pinned'
          : `no process was found that holds it, and it is not pinned: ${places[0]!.hook} of ${places[0]!.target} keeps it`;
      return { kind: 'unknown', why };
    });
  }

  /** @param programs that use it */
  map(id: number, programs: readonly number[]): Ownership {
    return this.#held('map', id, () => {
      for (const program of programs) {
        const { owner } = this.program(program);
        if (owner.kind !== 'unknown') return owner;
      }
      const why =
        programs.length === 0
          ? 'no process was found that holds it, it is not pinned, and no program was found that uses it'
          : `only programs were found that hold it: ${programs.join(', ')}`;
      return { kind: 'unknown', why };
    });
  }

  link(id: number): Ownership {
    return this.#held('link', id, () => ({
      kind: 'unknown',
      why: 'no process was found that holds it, and it is not pinned',
    }));
  }

  #held(kind: Kind, id: number, otherwise: () => BpfOwner): Ownership {
    const pins = this.#pins.get(`${kind} ${id}`) ?? [];
    const holders = this.#holders.get(`${kind} ${id}`) ?? [];
    return { owner: this.#owner(kind, id, pins, holders) ?? otherwise(), holders, pins };
  }

  #owner(kind: Kind, id: number, pins: readonly string[], [holder]: readonly Holder[]): BpfOwner | null {
    if (kind === 'program' && this.#datapath.has(id)) return { kind: 'ours', what: 'datapath' };
    const own = pins.find((path) => path.startsWith(`${this.#ours.pins}/`));
    if (own !== undefined) {
      const [folder = ''] = own.slice(this.#ours.pins.length + 1).split('/');
      return { kind: 'ours', what: folders[folder] ?? folder };
    }
    if (this.#scan.own[kind].has(id)) return { kind: 'ours', what: 'agent' };
    if (holder !== undefined) return { kind: 'process', ...holder };
    return pins[0] === undefined ? null : { kind: 'pin', path: pins[0] };
  }
}

function add<T>(lists: Map<string, T[]>, key: string, value: T): void {
  const list = lists.get(key);
  if (list) list.push(value);
  else lists.set(key, [value]);
}
