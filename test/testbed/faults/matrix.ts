import { setTimeout as sleep } from 'node:timers/promises';
import type { DeviceKind } from '../../../contract/device.ts';
import {
  lastUndoableStep,
  type Migration,
  type MigrationStep,
  migrationSteps,
} from '../../../contract/migration.ts';
import type { NodeObservation, Outcome } from './agent.ts';
import { errnos, type Fault } from './fault.ts';
import { FaultFixture, type FaultFixtureOptions } from './fixture.ts';
import { type Family, findViolations, type Violation } from './invariants.ts';

export interface MigrationDirection {
  from: DeviceKind;
  to: DeviceKind;
}

/** A column of the table. `faultAt` is null where the step has no such moment. */
export interface FaultColumn {
  name: string;
  faultAt(step: MigrationStep, calls: number): Fault | null;
}

const place = (step: MigrationStep): number => migrationSteps.indexOf(step);

const kill = (name: string, fault: Omit<Extract<Fault, { type: 'kill' }>, 'type'>): FaultColumn => ({
  name,
  faultAt: () => ({ type: 'kill', ...fault }),
});

/** The first call of a step is call 1; the later one is in its second half. */
const refusals: FaultColumn[] = errnos.flatMap((errno) =>
  [false, true].flatMap((later) =>
    [false, true].map((always) => ({
      name: `${errno}${later ? ' later' : ''}${always ? ' all' : ''}`,
      faultAt(_: MigrationStep, calls: number): Fault | null {
        const call = later ? Math.floor(calls / 2) + 1 : 1;
        return calls < (later ? 2 : 1) ? null : { type: 'refusal', errno, call, always };
      },
    })),
  ),
);

/** Steps that are refused, and then their taking back does not go well either. */
const undoings: FaultColumn[] = [
  { name: 'kill undoing', fault: { type: 'kill', when: 'undoing' } },
  {
    name: 'undo refused once',
    fault: { type: 'refusal', errno: 'EBUSY', call: 1, always: true, undo: 'once' },
  },
  { name: 'undo refused', fault: { type: 'refusal', errno: 'EBUSY', call: 1, always: true, undo: 'always' } },
].map(({ name, fault }) => ({
  name,
  faultAt: (step, calls) => (place(step) <= place(lastUndoableStep) && calls > 0 ? (fault as Fault) : null),
}));

const injectedEvents: FaultColumn[] = [
  { name: 'pod gone', faultAt: () => ({ type: 'event', event: 'pod-gone' }) },
  {
    name: 'old deleted',
    faultAt: (step) => (place(step) <= place('removed') ? { type: 'event', event: 'old-deleted' } : null),
  },
  {
    name: 'new deleted',
    faultAt: (step) => (place(step) > place('made') ? { type: 'event', event: 'new-deleted' } : null),
  },
];

/** For where a kill leaves the process, and only some cells are to end it. */
export const processKill: FaultColumn = kill('SIGKILL', { when: 'after', process: true });

export const faultColumns: readonly FaultColumn[] = [
  kill('kill before', { when: 'before' }),
  kill('kill after', { when: 'after' }),
  kill('kill twice', { when: 'before', twice: true }),
  kill('kill, pod gone', { when: 'before', podGone: true }),
  ...refusals,
  ...undoings,
  ...injectedEvents,
  { name: 'disk full', faultAt: () => ({ type: 'disk-full', writing: 'step' }) },
];

export interface FaultCell {
  direction: MigrationDirection;
  step: MigrationStep;
  column: string;
  fault: Fault;
  /** null until it was run */
  wrong: Violation[] | null;
  /** Left to another run. */
  left: boolean;
}

export interface MatrixOptions extends Omit<FaultFixtureOptions, 'kind'> {
  /** Gets what takes the fixture down, however the run ends. */
  onEnd: (takeDown: () => Promise<void>) => void;
  directions: readonly MigrationDirection[];
  columns: readonly FaultColumn[];
  /** How long what is to settle by itself may take: repairs, journals that wait for space. */
  settleMs: number;
  /** Cells to leave to another run, by all there is to say of them. */
  leave?: (cell: Omit<FaultCell, 'wrong' | 'left'>, direction: number) => boolean;
}

export interface FaultMatrix {
  cells: FaultCell[];
  /** Agents that were killed and started again. */
  restarts: number;
  descriptors: { before: Record<string, number>; after: Record<string, number> };
}

/** Runs every cell that the steps and columns make, each on the node as the one before left it. */
export async function runFaultMatrix(options: MatrixOptions): Promise<FaultMatrix> {
  const fixture = await FaultFixture.open({ ...options, kind: options.directions[0]!.from });
  options.onEnd(() => fixture[Symbol.asyncDispose]());
  const cells: FaultCell[] = [];
  for (const [number, direction] of options.directions.entries()) {
    const calls = await plainMigration(fixture, direction, options.settleMs);
    for (const { name, faultAt } of options.columns)
      for (const step of migrationSteps) {
        const fault = faultAt(step, calls[step]?.made ?? 0);
        const cell = fault && { direction, step, column: name, fault };
        if (cell) cells.push({ ...cell, wrong: null, left: options.leave?.(cell, number) ?? false });
      }
  }
  const before = await lastingDescriptors(fixture);
  for (let cell = next(cells, fixture); cell; cell = next(cells, fixture)) {
    if (fixture.pod.kind !== cell.direction.from) {
      await plainMigration(fixture, { from: fixture.pod.kind, to: cell.direction.from }, options.settleMs);
      continue;
    }
    if (isPodGone(cell.fault) && fixture.podOutlivedKill) {
      await fixture.newPod();
      continue;
    }
    const start = performance.now();
    cell.wrong = await runCell(fixture, cell, options.settleMs);
    if (cell.wrong.length > 0 || process.env.FAULTS_TRACE)
      process.stderr.write(
        `${cell.direction.from}→${cell.direction.to} ${cell.step} × ${cell.column}: ${cell.wrong.map(({ what }) => what).join('; ') || 'ok'}, ${Math.round(performance.now() - start)} ms\n`,
      );
    if (cell.wrong.length > 0) await fixture.newPod();
  }
  return {
    cells,
    restarts: fixture.restarts,
    descriptors: { before, after: await lastingDescriptors(fixture) },
  };
}

const isPodGone = (fault: Fault): boolean =>
  (fault.type === 'event' && fault.event === 'pod-gone') || (fault.type === 'kill' && fault.podGone === true);

/** The descriptors that the agent keeps open for 3 seconds, by what they are: not those of what it is looking at. */
async function lastingDescriptors(fixture: FaultFixture): Promise<Record<string, number>> {
  let lasting = fixture.descriptors();
  for (const deadline = performance.now() + 3000; performance.now() < deadline; await sleep(50)) {
    const now = fixture.descriptors();
    lasting = Object.fromEntries(
      Object.entries(lasting)
        .map(([what, count]): [string, number] => [what, Math.min(count, now[what] ?? 0)])
        .filter(([, count]) => count > 0),
    );
  }
  return lasting;
}

/** The next cell to run, by preference one whose direction begins where the pod is. */
function next(cells: readonly FaultCell[], fixture: FaultFixture): FaultCell | undefined {
  const waiting = cells.filter((cell) => cell.wrong === null && !cell.left);
  return waiting.find((cell) => cell.direction.from === fixture.pod.kind) ?? waiting[0];
}

/** @returns how many calls to the kernel each step makes */
async function plainMigration(
  fixture: FaultFixture,
  { to }: MigrationDirection,
  settleMs: number,
): Promise<Record<string, { made: number }>> {
  const outcome = await fixture.migrate(to, null);
  const { violations, observed } = await waitUntilSettled(fixture, outcome.begun, settleMs);
  if (outcome.how !== 'ended' || outcome.migration.state !== 'done' || violations.length > 0)
    throw new Error(
      `without a fault, a migration to ${to} ${JSON.stringify(outcome)}: ${violations.map(({ what }) => what).join('; ')}`,
    );
  return observed.calls;
}

async function runCell(
  fixture: FaultFixture,
  { direction, step, fault }: FaultCell,
  settleMs: number,
): Promise<Violation[]> {
  if (fault.type === 'disk-full') await fixture.shortenLog();
  const from = fixture.pod.slot;
  const lost = fixture.pingers.map((pinger) => pinger.lost);
  const outcome = await fixture.migrate(direction.to, { step, fault });
  const { violations, observed } = await waitUntilSettled(fixture, outcome.begun, settleMs);
  const { migration, calls, pod } = observed;
  if (fault.type === 'refusal' && !calls[step]?.refused)
    violations.push({ family: null, what: 'the fault did not come' });
  if (fault.type !== 'event')
    fixture.pingers.forEach((pinger, i) => {
      const count = pinger.lost - (lost[i] ?? 0);
      if (count > 0)
        violations.push({ family: pinger.family, what: `${count} packets lost, ${pinger.name}` });
    });
  const story = { outcome, migration, step, fault, from, now: pod?.slot ?? null };
  violations.push(...untruths(story).map((what) => ({ family: null, what })));
  if (!pod) await fixture.newPod();
  return violations;
}

/** Looks until nothing is wrong any more. @returns the last look, and what still is wrong when the time is up */
export async function waitUntilSettled(
  fixture: FaultFixture,
  migration: string | null,
  settleMs: number,
): Promise<{ violations: Violation[]; observed: NodeObservation }> {
  const deadline = performance.now() + settleMs;
  for (;;) {
    const observed = await fixture.observe(migration);
    const violations = await findViolations(fixture, observed);
    if (observed.migration?.state === 'running')
      violations.push({ family: null, what: 'the journal is open' });
    if (observed.pod && violations.length === 0) violations.push(...(await silences(fixture)));
    if (violations.length === 0 && observed.pod) fixture.pod = observed.pod;
    if (violations.length === 0 || performance.now() > deadline) return { violations, observed };
    await sleep(50);
  }
}

async function silences(fixture: FaultFixture): Promise<Violation[]> {
  const flow = await Promise.all(fixture.pingers.map((pinger) => pinger.flows(1000)));
  return fixture.pingers.flatMap(({ family, name }, i) =>
    flow[i] ? [] : [{ family, what: `nothing flows, ${name}` }],
  );
}

interface Story {
  outcome: Outcome;
  /** as the journal has it */
  migration: Migration | null;
  step: MigrationStep;
  fault: Fault;
  /** Slots before, and now; null when the pod is gone. */
  from: number;
  now: number | null;
}

/** What the journal says that is not so, or does not say. */
function untruths({ outcome, migration, step, fault, from, now }: Story): string[] {
  if (fault.type === 'kill' && outcome.how !== 'killed') return [`the agent was not killed: ${outcome.how}`];
  if (outcome.how === 'refused') return [`the migration could not begin: ${outcome.message}`];
  if (!migration) return ['the journal does not have the migration'];
  const { state, error, to, steps } = migration;
  const detail = error?.detail ?? '';
  const gone = isPodGone(fault);
  const said: string[] = [];
  if (gone !== (now === null)) said.push(gone ? 'the pod is still listed' : 'the pod is no longer listed');
  if (migration.endedAt === null) said.push(`${state} without an end`);
  if (state === 'done' && (now !== to.slot || steps.some((each) => each.state !== 'done')))
    said.push(`done, but on slot ${now} with steps ${steps.map((each) => each.state).join(' ')}`);
  if (state === 'undone' && (now === to.slot || (now !== from && fault.type !== 'event')))
    said.push(`undone, but on slot ${now}`);
  if (state !== 'done' && !error) said.push(`${state}, and no word of why`);
  if (state === 'failed' && gone && !/gone/.test(detail))
    said.push(`failed, not because the pod is gone: ${detail}`);
  if (fault.type === 'refusal' && state !== 'done') {
    if (error?.step !== step && fault.undo !== 'always')
      said.push(`the error is said to be at ${error?.step}`);
    if (fault.undo === 'once' && state === 'failed')
      said.push(`not taken back for one refused call: ${detail}`);
    if (!detail.includes(`(${fault.errno})`)) said.push(`the error does not name ${fault.errno}: ${detail}`);
  }
  if (fault.type === 'refusal' && !fault.always && state === 'failed')
    said.push(`failed for one refused call: ${detail}`);
  if (fault.type === 'kill' && !fault.podGone) {
    if (state === 'failed') said.push(`failed: ${detail}`);
    if (state === 'undone' && error?.step !== step) said.push(`the error is said to be at ${error?.step}`);
  }
  if (fault.type === 'disk-full' && !/full|ENOSPC/.test(detail))
    said.push(`no word of the full disk: ${detail}`);
  return said;
}

/** One table for each direction and family, and what was wrong below. */
export function formatFaultMatrix({ cells }: FaultMatrix): string {
  const lines: string[] = [];
  const directions = [...new Set(cells.map((cell) => cell.direction))];
  const columns = [...new Set(cells.map((cell) => cell.column))];
  const heads = columns.map((name) => name.split(' '));
  const height = Math.max(...heads.map((words) => words.length));
  const widths = heads.map((words) => Math.max(...words.map((word) => word.length), 3));
  const row = (head: string, entries: readonly string[]): string =>
    `${head.padEnd(12)}${entries.map((entry, i) => entry.padStart(widths[i]! + 1)).join('')}`;
  for (const direction of directions)
    for (const family of ['ipv4', 'ipv6'] as const) {
      lines.push('', `${direction.from} → ${direction.to}, ${family}`);
      for (let i = 0; i < height; i++)
        lines.push(
          row(
            '',
            heads.map((words) => words[i] ?? ''),
          ),
        );
      const notes: string[] = [];
      for (const step of migrationSteps)
        lines.push(
          row(
            step,
            columns.map((column) => {
              const cell = cells.find(
                (each) => each.direction === direction && each.step === step && each.column === column,
              );
              if (!cell) return '–';
              if (cell.left) return '·';
              const found = wrongIn(cell, family);
              if (found.length === 0) return 'ok';
              notes.push(`${step} × ${column}: ${found.join('; ')}`);
              return `[${notes.length}]`;
            }),
          ),
        );
      lines.push(...notes.map((note, i) => `[${i + 1}] ${note}`));
    }
  const all = cells
    .filter((cell) => !cell.left)
    .flatMap((cell) => (['ipv4', 'ipv6'] as const).map((family) => wrongIn(cell, family)));
  lines.push('', 'later: not the first call of the step but one in its midst; all: and every call after it');
  lines.push('– there is no such moment');
  if (cells.some((cell) => cell.left)) lines.push('· left to another run');
  lines.push('', `fault matrix: ${all.length} cells, ${all.filter((found) => found.length === 0).length} ok`);
  return `${lines.join('\n')}\n`;
}

const wrongIn = (cell: FaultCell, family: Family): string[] =>
  cell.wrong === null
    ? ['not run']
    : cell.wrong.filter((each) => each.family === null || each.family === family).map((each) => each.what);
