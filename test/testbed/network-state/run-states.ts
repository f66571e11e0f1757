import type { ElementKind } from './element.ts';
import { type GeneratedState, generateState, maxStatesPerNode } from './generate.ts';
import { probeElementKinds } from './probe-kinds.ts';
import { type StateMove, StateNode, type StateOutcome } from './state-node.ts';

export interface StatesRun {
  outcomes: StateOutcome[];
  /** Names of the kinds that this kernel or its tools lack, with the refusal. */
  lacks: ReadonlyMap<string, string>;
}

export interface StatesOptions {
  /** The states have this seed and those that follow. */
  seed: number;
  count: number;
  /** States take turns. */
  moves: readonly StateMove[];
  /** Nodes with an agent each, which work at the same time. */
  nodes: number;
  pingMs: number;
}

/** Migrates pods with generated states. Nodes take the next state as they are done, and are replaced after some. */
export async function runStates({ seed, count, moves, nodes, pingMs }: StatesOptions): Promise<StatesRun> {
  const { has, lacks } = await probeElementKinds();
  const outcomes: StateOutcome[] = [];
  let next = 0;
  const lane = async (): Promise<void> => {
    while (next < count) {
      await using node = await StateNode.open(pingMs);
      for (let number = 0; number < maxStatesPerNode && next < count; number++) {
        const index = next++;
        const move = moves[index % moves.length];
        if (!move) throw new Error('no moves');
        outcomes.push(await node.run(generateState(seed + index, number, kindsOf(has, move)), number, move));
      }
    }
  };
  await Promise.all(Array.from({ length: Math.min(nodes, count) }, lane));
  return { outcomes: outcomes.toSorted((a, b) => a.state.seed - b.state.seed), lacks };
}

/** Kinds that both the kernel and a device have. */
export const kindsOf =
  (has: ReadonlySet<ElementKind>, { from, mode }: StateMove) =>
  (kind: ElementKind): boolean =>
    has.has(kind) && !(kind.not === 'netkit-l3' && from === 'netkit' && mode !== 'l2');

export const isWrong = ({ wrong, unnamed }: StateOutcome): boolean => wrong.length > 0 || unnamed.length > 0;

/** Kinds of elements that states have, for a report of what was covered. */
export const usedKinds = (states: readonly GeneratedState[]): Map<string, number> => {
  const counts = new Map<string, number>();
  for (const kind of states.flatMap(({ kinds }) => kinds)) counts.set(kind, (counts.get(kind) ?? 0) + 1);
  return counts;
};
