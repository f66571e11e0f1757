import { pino } from 'pino';
import { type Migration, type MigrationStep, migrationSteps } from '../../../contract/migration.ts';
import { newPodSchema } from '../../../contract/pod.ts';
import { counterIndexByName } from '../../../server/bpf/counter-layout.ts';
import { Datapath } from '../../../server/datapath/datapath.ts';
import { addCarriedCounters } from '../../../server/datapath/device/add-carried-counters.ts';
import type {
  MigrationStepAction,
  MigrationStepActions,
} from '../../../server/datapath/migration/step-executor.ts';
import { SqliteStore } from '../../../server/store/sqlite-store.ts';
import { adoptForTest } from './adopt-for-test.ts';
import type { AgentCall, AgentReply, Call, NodeObservation } from './agent.ts';
import type { FaultAt } from './fault.ts';
import { interceptKernelCalls, type KernelCalls, withCalls } from './refuse-calls.ts';

// The agent's datapath and store without its listeners, controlled over IPC; faults are injected at the chosen step.
interceptKernelCalls();

let store: SqliteStore | null = null;
let datapath: Datapath | null = null;
let fault: FaultAt | null = null;
/** Of the migration that ran last, by step. */
let calls: Record<string, KernelCalls> = {};
/** Of what it took back. */
let undoing: KernelCalls = { made: 0, refused: 0, refusal: null };
/** Whether this agent is killed after the first action of a recovery. */
let dyingAgain = false;
/** Whether a kill ends the process, or leaves the datapath as it stands for a new one in this process. */
let killing: 'process' | 'datapath' = 'process';
let lastTotals = new Map<string, bigint[]>();
let wentBack: string[] = [];
let sampling: NodeJS.Timeout | undefined;

const tell = (message: AgentReply): void => void process.send!(message);

let goOn = (): void => {};
/** Says that the fault's moment has come, and waits until the other side has done its part. */
function reached(): Promise<void> {
  return new Promise((resolve) => {
    goOn = resolve;
    tell({ type: 'reached' });
  });
}

/** Ends here and now, as it stands. */
async function die(): Promise<never> {
  const kill = fault?.fault.type === 'kill' ? fault.fault : null;
  if (kill?.podGone) await reached();
  fault = null;
  if (killing === 'process' || kill?.process) process.kill(process.pid, 'SIGKILL');
  else tell({ type: 'dead' });
  return new Promise(() => {});
}

const wrap = (actions: MigrationStepActions): MigrationStepActions =>
  Object.fromEntries(
    migrationSteps.map((name) => [name, faulty(name, actions[name])]),
  ) as MigrationStepActions;

function faulty(name: MigrationStep, { do: act, undo }: MigrationStepAction): MigrationStepAction {
  const here = fault?.step === name ? fault.fault : null;
  const kill = here?.type === 'kill' ? here.when : null;
  const refusal: KernelCalls['refusal'] =
    here?.type === 'refusal' ? here : kill === 'undoing' ? { errno: 'EBUSY', call: 1, always: true } : null;
  let event = here?.type === 'event';
  return {
    async do() {
      calls[name] ??= { made: 0, refused: 0, refusal };
      if (kill === 'before') await die();
      if (event) await reached();
      event = false;
      await withCalls(calls[name], act);
      if (kill === 'after' || dyingAgain) await die();
    },
    ...(undo && {
      async undo() {
        await withCalls(undoing, undo);
        if (dyingAgain || (fault?.fault.type === 'kill' && fault.fault.when === 'undoing')) await die();
      },
    }),
  };
}

const writes = { addDevice: 'device', addMigration: 'journal', saveMigration: 'step' } as const;

/** Opens the store on a file system that is full at the fault's write. */
const booksOf = (real: SqliteStore): SqliteStore =>
  new Proxy(real, {
    get(target, name) {
      const method = Reflect.get(target, name) as unknown;
      if (typeof method !== 'function') return method;
      return async (...words: unknown[]) => {
        if (name in writes && isNow(writes[name as keyof typeof writes], words[0])) {
          fault = null;
          await reached();
        }
        return method.apply(target, words);
      };
    },
  });

function isNow(writing: 'device' | 'journal' | 'step', record: unknown): boolean {
  if (fault?.fault.type !== 'disk-full' || fault.fault.writing !== writing) return false;
  if (writing !== 'step') return true;
  return (record as Migration).steps.find((each) => each.state === 'running')?.step === fault.step;
}

/** Everything a pod counted, by field, as the sampler sums it. */
function totalOf(id: string): bigint[] | null {
  const pod = datapath?.get(id);
  if (!pod) return null;
  return pod.slots.reduce<bigint[]>(
    (sum, slot) => addCarriedCounters(sum, datapath!.counters.read(slot)),
    addCarriedCounters(pod.carried, []),
  );
}

function watchTotals(): void {
  for (const { id } of datapath?.all() ?? []) {
    const total = totalOf(id)!;
    const last = lastTotals.get(id);
    const decreased = Object.entries(counterIndexByName).find(([, i]) => total[i]! < (last?.[i] ?? 0n));
    if (decreased && last) {
      const [name, i] = decreased;
      wentBack.push(`${name} went back to ${total[i]} from ${last[i]}`);
    }
    lastTotals.set(id, total);
  }
}

async function migrate(
  id: string,
  to: 'veth' | 'netkit' | 'released',
  at: FaultAt | null,
): Promise<Migration> {
  fault = at;
  calls = {};
  const undo = at?.fault.type === 'refusal' ? at.fault.undo : undefined;
  const refusal = undo ? ({ errno: 'ENOMEM', call: 1, always: undo === 'always' } as const) : null;
  undoing = { made: 0, refused: 0, refusal };
  wentBack = [];
  const recreate = datapath!.get(id)?.kind === to;
  const ended = new Promise<Migration>((resolve) => {
    const watch = (migration: Migration): void => {
      if (migration.podId !== id || migration.state === 'running') return;
      datapath!.off('migration', watch);
      resolve(structuredClone(migration));
    };
    datapath!.on('migration', watch);
  });
  // What a generated state loses was named in the plan.
  const accept = ['*'];
  const started =
    to === 'released'
      ? (await datapath!.release(id, 'the fault matrix', accept))!
      : await datapath!.migrate(id, to, 'the fault matrix', { recreate, accept });
  tell({ type: 'begun', migration: started.id });
  return ended;
}

const noneIfGone = (error: { code?: string }): null => {
  if (error.code === 'pod_gone' || error.code === 'pod_not_found') return null;
  throw error;
};

async function observe(id: string, migration: string | null): Promise<NodeObservation> {
  const listed = datapath!.summaries().some((pod) => pod.id === id);
  const answer: NodeObservation = {
    listed,
    pod: listed ? await datapath!.describe(id).catch(noneIfGone) : null,
    used: datapath!.slots.used,
    migration: migration === null ? null : await store!.migration(migration),
    wentBack,
    calls: Object.fromEntries(
      Object.entries(calls).map(([step, { made, refused }]) => [step, { made, refused }]),
    ),
    totals: lastTotals,
  };
  return answer;
}

const does: { [Name in Call['name']]: (...words: Extract<Call, { name: Name }>['words']) => unknown } = {
  async open({ database, pins, maxSlots, totals, kill, sampleMs, without, again }) {
    dyingAgain = again;
    killing = kill;
    clearInterval(sampling);
    sampling = setInterval(watchTotals, sampleMs);
    lastTotals = totals;
    wentBack = [];
    // What a killed one would have lost: the one before is left as it stands.
    if (datapath) void datapath.close();
    store ??= await SqliteStore.open({ file: database, node: { name: 'faults', bootId: '0' } });
    datapath = await Datapath.open({
      store: booksOf(store),
      pins,
      maxSlots,
      without,
      log: pino({ level: 'silent' }),
      actions: wrap,
    });
  },
  attach: (pod) => datapath!.attach(newPodSchema.parse(pod)),
  adopt: (netns, name) => adoptForTest(datapath!, netns, name),
  detach: (id) => datapath!.detach(id),
  plan: (id, to) => datapath!.plan(id, to, datapath!.get(id)?.kind === to),
  migrate,
  observe,
  async close() {
    await datapath!.close();
    await store!.close();
    datapath = null;
    store = null;
  },
};

process.on('message', async (message: AgentCall) => {
  if (message.type === 'go-on') return goOn();
  try {
    const call = does[message.call.name] as (...all: unknown[]) => unknown;
    tell({ type: 'answer', answer: await call(...message.call.words) });
  } catch (error) {
    const { message: text, code } = error as Error & { code?: string };
    tell({ type: 'refused', error: { message: text, code } });
  }
});
