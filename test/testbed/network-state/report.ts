import { formatDifference, type StateDifference } from './difference.ts';
import { formatState } from './generate.ts';
import { isWrong, type StatesRun, usedKinds } from './run-states.ts';
import type { StateOutcome } from './state-node.ts';

/** States that a failure shows in full; of the others only a count is shown. */
const shownStates = 3;
const shownDifferences = 40;

const counted = (words: readonly string[]): string[] => {
  const counts = new Map<string, number>();
  for (const word of words) counts.set(word, (counts.get(word) ?? 0) + 1);
  return [...counts]
    .sort((a, b) => b[1] - a[1])
    .map(([word, count]) => `${String(count).padStart(6)}  ${word}`);
};

/** A difference without what only its state has: addresses, numbers, names. */
const kindOfDifference = ({ end, section, line, change }: StateDifference): string => {
  const named = ['sysctl', 'ethtool', 'queues', 'link'].includes(section) ? ` ${line}` : '';
  return `${end} ${section}${named}: ${/^(lost|new|another order)/.exec(change)?.[0] ?? 'changed'}`;
};

/** Formats what states were made of: how many have each kind, and what the kernel lacks. */
export function formatCoverage({ outcomes, lacks }: StatesRun): string {
  const used = usedKinds(outcomes.map(({ state }) => state));
  const groups = new Map<string, { kinds: number; elements: number }>();
  for (const [kind, count] of used) {
    const group = kind.split(':')[0] ?? kind;
    const { kinds, elements } = groups.get(group) ?? { kinds: 0, elements: 0 };
    groups.set(group, { kinds: kinds + 1, elements: elements + count });
  }
  const pings = outcomes.map((outcome) => outcome.pings);
  const sum = (values: readonly number[]): number => values.reduce((all, each) => all + each, 0);
  return [
    `${outcomes.length} states of ${used.size} kinds, ${sum([...used.values()])} elements`,
    ...[...groups]
      .sort()
      .map(([group, { kinds, elements }]) => `${String(elements).padStart(6)}  ${group}, ${kinds} kinds`),
    `${lacks.size} kinds that this kernel or its tools lack: ${[...lacks.keys()].join(', ')}`,
    `${sum(pings.map(({ sent }) => sent))} pings, ${sum(pings.map(({ lost }) => lost))} lost`,
    `${outcomes.filter(({ refusals }) => refusals.length > 0).length} migrations refused`,
    'named beforehand:',
    ...counted(outcomes.flatMap(({ named }) => named.map(kindOfDifference))),
  ].join('\n');
}

/** Formats what is wrong: by kind over all states, then some states in full. */
export function formatFailures(outcomes: readonly StateOutcome[]): string {
  const wrong = outcomes.filter(isWrong);
  return [
    `${wrong.length} of ${outcomes.length} states are not as before`,
    ...counted(
      wrong.flatMap((each) => each.wrong.map((text) => text.split('\n')[0]?.replace(/\d+/g, 'N') ?? '')),
    ),
    ...counted(wrong.flatMap(({ unnamed }) => unnamed.map(kindOfDifference))),
    ...wrong
      .toSorted((a, b) => Number(isCut(b)) - Number(isCut(a)) || a.state.kinds.length - b.state.kinds.length)
      .slice(0, shownStates)
      .map(formatOutcome),
  ].join('\n');
}

/** A state that cuts its pod off is a fault of the generator: it is shown first. */
const isCut = ({ wrong }: StateOutcome): boolean => wrong.some((text) => text.startsWith('cut off'));

/** Formats one state: its seed, the move, what is wrong, what differs without a name, its commands. */
export function formatOutcome({ state, move, wrong, unnamed }: StateOutcome): string {
  return [
    '',
    `${move.from}${move.mode ? ` ${move.mode}` : ''} → ${move.to}, STATE_SEED=${state.seed} STATES=1`,
    ...wrong,
    ...unnamed.slice(0, shownDifferences).map((each) => `not named: ${formatDifference(each)}`),
    ...(unnamed.length > shownDifferences ? [`and ${unnamed.length - shownDifferences} more`] : []),
    formatState(state),
  ].join('\n');
}

/** Formats the refusals of plans, each once. */
export const formatRefusals = (outcomes: readonly StateOutcome[]): string =>
  counted(outcomes.flatMap(({ refusals }) => refusals)).join('\n');
