import { SeededRandom } from '../random.ts';
import {
  bothEnds,
  type DeviceEnd,
  type ElementContext,
  type ElementKind,
  type ElementNetwork,
  type StateCommand,
  statePhases,
} from './element.ts';
import { elementGroups, kindName } from './kinds/all.ts';

/** A random network state: the commands that make it, in order, at each end. */
export interface GeneratedState {
  seed: number;
  /** Names of the kinds that it has elements of. */
  kinds: string[];
  commands: Record<DeviceEnd, StateCommand[]>;
}

/** Numbers that each state of a node may use for its elements. */
const numbersPerState = 256;
/** States of a node whose numbers differ. */
export const maxStatesPerNode = 31;

/** Makes the context of a state's elements. @param number of the state on its node, below `maxStatesPerNode` */
export function elementContexts(random: SeededRandom, number: number): () => ElementContext {
  let last = number * numbersPerState;
  const unique = (): number => {
    last += 1;
    return last;
  };
  const network = (): ElementNetwork => {
    const net = unique();
    return {
      ipv4: (host) => `198.${18 + (net >> 12)}.${(net >> 4) & 255}.${((net & 15) << 4) + host}`,
      ipv6: (host) => `fd18:${net}::${host}`,
    };
  };
  return () => ({ random, unique, network, ...network() });
}

/**
 * Generates a state out of the kinds that the kernel has.
 * @param has whether the kernel and the device have a kind
 */
export function generateState(
  seed: number,
  number: number,
  has: (kind: ElementKind) => boolean,
): GeneratedState {
  const random = new SeededRandom(seed);
  const context = elementContexts(random, number);
  const chosen = bothEnds.flatMap((end) =>
    elementGroups.flatMap(({ most, kinds }) => {
      const here = kinds.filter((kind) => kind.end === end && has(kind));
      return random.some(here, random.between(0, most));
    }),
  );
  const single = chosen.filter(
    (kind, index) =>
      kind.alternative === undefined ||
      chosen.findIndex((each) => each.end === kind.end && each.alternative === kind.alternative) === index,
  );
  const commands: GeneratedState['commands'] = { pod: [], host: [] };
  for (const phase of statePhases)
    for (const kind of single) if (kind.phase === phase) commands[kind.end].push(...kind.commands(context()));
  return { seed, kinds: single.map(kindName), commands };
}

/** Formats a state for a failure: its seed and its commands, which run as they stand. */
export const formatState = ({ seed, commands }: GeneratedState): string =>
  [
    `seed ${seed}`,
    ...bothEnds.flatMap((end) =>
      commands[end].map(({ tool, text }) => `  ${end.padEnd(4)} # ${tool === 'sh' ? '' : `${tool} `}${text}`),
    ),
  ].join('\n');
