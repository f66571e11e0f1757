import { randomInt } from 'node:crypto';
import { closeSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import type { Batch, BatchSummary } from '../../../contract/batch.ts';
import type { UserProgram } from '../../../contract/build.ts';
import type { Migration } from '../../../contract/migration.ts';
import type { Pod, PodSummary } from '../../../contract/pod.ts';
import { type ProblemCode, ProblemError } from '../../../contract/problem.ts';
import { decodeEndpointEntry, decodeEndpointKey } from '../../../server/bpf/datapath-structs.ts';
import { BpfHashMap } from '../../../server/bpf/hash-map.ts';
import { openPinnedObject } from '../../../server/bpf/pin.ts';
import { exampleObject } from '../../testbed/builds.ts';
import { addPods, countNodeObjects, podAddress, unreachablePods } from '../../testbed/many-pods.ts';
import { startTestNode, type TestNode } from '../../testbed/node.ts';
import { SeededRandom } from '../../testbed/random.ts';
import { type Answer, ask } from './ask-agent.ts';

const object = readFileSync(exampleObject).toString('base64');
const podCount = 10;
const actCount = 1000;
const workers = 40;
/** Breaks of one pod: after the third repair of the same thing the reconciler backs off. */
const maxBreaks = 2;

/** Clauses by which a refusal names the activity that holds the pod. */
const activityClause =
  /it is being attached|a migration of it is being planned|migration \S+ is running|its device is being repaired|its programs are being moved|a program is being attached to it or detached|it is being detached|it is gone/;

describe('a thousand acts of all kinds on ten pods', () => {
  const seed = Number(process.env.ACTIVITIES_SEED ?? randomInt(2 ** 31));
  // Acts are chosen by the printed seed; how they interleave is up to the kernel.
  const random = new SeededRandom(seed);
  const pick = (below: number): number => random.between(0, below - 1);
  let node: TestNode;
  let pods: Pod[];
  let restarting = false;
  const outcomes = new Map<string, number>();
  const wrong: string[] = [];
  const sentinels = new Set<string>();

  beforeAll(async () => {
    process.stderr.write(`activities: seed ${seed} (ACTIVITIES_SEED=${seed} repeats its acts)\n`);
    node = await startTestNode();
    pods = await addPods(node, podCount);
  }, 480_000);
  afterAll(() => node?.[Symbol.asyncDispose]());

  const nameOf = (index: number): string => `shop.many-${index}`;

  /**
   * Notes an answer. Accepted are success, a 409 that names the activity, and what the act itself may find: `states`
   * are codes for a pod that is in another state than the act needs.
   */
  function note(act: string, answer: Answer | null, states: readonly ProblemCode[]): void {
    let outcome: string;
    if (answer === null) {
      outcome = 'agent down';
      if (!restarting) wrong.push(`${act}: no answer although the agent was up`);
    } else if (answer.status < 400) outcome = 'success';
    else if (answer.code && states.includes(answer.code)) outcome = answer.code;
    else if (answer.status === 409 && activityClause.test(answer.detail)) outcome = '409 activity';
    else if (restarting && (answer.code === 'stopping' || answer.code === 'agent_unreachable'))
      outcome = 'agent down';
    else {
      outcome = 'wrong';
      wrong.push(`${act}: ${answer.status} ${answer.code}: ${answer.detail}`);
    }
    const key = `${act.split(' ')[0]}: ${outcome}`;
    outcomes.set(key, (outcomes.get(key) ?? 0) + 1);
  }

  /** The pod does not exist between a deletion and the next attachment. */
  const absent = ['pod_not_found'] as const;

  async function migrate(index: number): Promise<void> {
    const answer = await ask(node, 'POST', `/pods/${nameOf(index)}/migrations`, {
      to: 'veth',
      recreate: true,
    });
    // The device may have been deleted by the act that breaks it.
    note(`migrate ${nameOf(index)}`, answer, [...absent, 'device_missing']);
  }

  async function moveHooks(index: number): Promise<void> {
    const answer = await ask(node, 'PUT', `/pods/${nameOf(index)}/hooks`, { to: 'primary' });
    note(`hooks ${nameOf(index)}`, answer, [...absent, 'not_netkit']);
  }

  async function attachProgram(index: number): Promise<void> {
    const answer = await ask(node, 'POST', `/pods/${nameOf(index)}/programs`, {
      object,
      section: 'count_ports',
      hook: pick(2) ? 'tcx/ingress' : 'tcx/egress',
      place: pick(2) ? 'before' : 'after',
    });
    note(`attach-program ${nameOf(index)}`, answer, [...absent, 'too_many_programs', 'device_missing']);
  }

  async function detachProgram(index: number): Promise<void> {
    const answer = await ask(node, 'DELETE', `/pods/${nameOf(index)}/programs/${1 + pick(3)}`);
    note(`detach-program ${nameOf(index)}`, answer, [...absent, 'program_not_found']);
  }

  async function detach(index: number): Promise<void> {
    note(`delete ${nameOf(index)}`, await ask(node, 'DELETE', `/pods/${nameOf(index)}`), absent);
  }

  async function attach(index: number): Promise<void> {
    const answer = await ask(node, 'POST', '/pods', {
      namespace: 'shop',
      name: `many-${index}`,
      netns: pods[index]?.netns.path,
      addresses: [`${podAddress(index)}/32`],
    });
    note(`attach ${nameOf(index)}`, answer, ['pod_exists', 'address_in_use']);
  }

  async function batch(): Promise<void> {
    const answer = await ask(node, 'POST', '/batches', {
      all: true,
      to: 'veth',
      recreate: true,
      settleMs: pick(3) * 50,
      parallelism: 1 + pick(4),
    });
    note('batch all', answer, ['batch_running', 'nothing_to_move']);
    if (answer === null || answer.status >= 400) return;
    await sleep(pick(300));
    const { id } = answer.json as Batch;
    const verb = pick(2) ? 'stop' : 'pause';
    note(`batch-${verb} ${id}`, await ask(node, 'POST', `/batches/${id}/${verb}`), ['batch_ended']);
  }

  const breaks = new Map<number, number>();
  async function breakDevice(index: number): Promise<void> {
    const before = breaks.get(index) ?? 0;
    if (before >= maxBreaks) return migrate(index);
    breaks.set(index, before + 1);
    const answer = await ask(node, 'GET', `/pods/${nameOf(index)}`);
    if (answer === null || answer.status >= 400) return note(`read ${nameOf(index)}`, answer, absent);
    const { primary } = answer.json as PodSummary;
    // The device may be gone by now: somebody else's act was first.
    node.run(['sh', '-c', `ip link ${pick(2) ? 'delete' : 'set down dev'} ${primary.name} 2>/dev/null || :`]);
    note(`break ${nameOf(index)}`, answer, []);
  }

  async function readMigrations(): Promise<void> {
    const answer = await ask(node, 'GET', '/pods?limit=500');
    note('read pods', answer, []);
    if (answer === null || answer.status >= 400) return;
    for (const { migration } of (answer.json as { items: PodSummary[] }).items) {
      if (migration === null) continue;
      const found = await ask(node, 'GET', `/migrations/${migration}`);
      if (found?.status === 404) sentinels.add(migration);
    }
  }

  async function restart(kill: boolean): Promise<void> {
    restarting = true;
    await (kill ? node.killAgent() : node.stopAgent());
    await node.startAgent();
    restarting = false;
    const key = kill ? 'restart: killed' : 'restart: stopped';
    outcomes.set(key, (outcomes.get(key) ?? 0) + 1);
  }

  const weights: [act: (index: number) => Promise<void>, weight: number][] = [
    [migrate, 20],
    [moveHooks, 12],
    [attachProgram, 14],
    [detachProgram, 12],
    [detach, 6],
    [attach, 14],
    [batch, 3],
    [breakDevice, 2],
    [readMigrations, 10],
  ];
  const acts = weights.flatMap(([act, weight]) => Array.from({ length: weight }, () => act));

  test('answer each with success or a 409 that names the activity', async () => {
    let started = 0;
    const work = async (): Promise<void> => {
      while (started < actCount) {
        const number = ++started;
        if (restarting) await vi.waitFor(() => expect(restarting).toBe(false), { timeout: 240_000 });
        if (number === actCount / 4 || number === (3 * actCount) / 4) await restart(false);
        else if (number === actCount / 2) await restart(true);
        else {
          const act = acts[pick(acts.length)] ?? migrate;
          await act(pick(podCount));
        }
      }
    };
    await Promise.all(Array.from({ length: workers }, work));
    const counts = [...outcomes].sort().map(([key, count]) => `${key} ${count}`);
    process.stderr.write(`activities: ${counts.join('; ')}\n`);
    expect(wrong).toEqual([]);
    for (const kind of ['migrate', 'attach-program', 'detach-program', 'delete', 'attach', 'batch'])
      expect(outcomes.get(`${kind}: success`), kind).toBeGreaterThan(0);
    expect(outcomes.get('migrate: 409 activity')).toBeGreaterThan(0);
    expect([...sentinels]).toEqual([]);
  }, 1_200_000);

  test('leave devices, programs and records that agree with the kernel', async () => {
    const runningBatches = async (): Promise<BatchSummary[]> =>
      (await node.ask<{ items: BatchSummary[] }>('GET', '/batches?limit=500')).items.filter(
        ({ endedAt }) => endedAt === null,
      );
    for (const each of await runningBatches())
      await node.ask('POST', `/batches/${each.id}/stop`).catch((error: unknown) => {
        if (!(error instanceof ProblemError) || error.code !== 'batch_ended') throw error;
      });
    const list = async (): Promise<PodSummary[]> =>
      (await node.ask<{ items: PodSummary[] }>('GET', '/pods?limit=500')).items;
    await vi.waitFor(
      async () => {
        for (const { state, attention, name } of await list())
          expect({ name, state, attention }).toEqual({ name, state: 'running', attention: [] });
        const { items } = await node.ask<{ items: Migration[] }>('GET', '/migrations?limit=500');
        expect(items.filter(({ state }) => state === 'running')).toEqual([]);
        // A stopped batch ends with the migrations that it had begun to plan.
        expect(await runningBatches()).toEqual([]);
      },
      { timeout: 240_000, interval: 200 },
    );
    // Pods that were deleted last come back, so that all can be asked to answer.
    const there = (await list()).map(({ name }) => name);
    for (let index = 0; index < podCount; index++) if (!there.includes(`many-${index}`)) await attach(index);
    expect(wrong).toEqual([]);
    // Whatever was broken last is repaired within the resync period at the latest.
    await vi.waitFor(() => expect(unreachablePods(node, podCount)).toEqual([]), {
      timeout: 240_000,
      interval: 500,
    });
    expect(await countNodeObjects(node)).toEqual({
      devices: podCount,
      routes: podCount,
      pins: 2 * podCount,
      slots: podCount,
    });
    let users = 0;
    const endpoints: string[] = [];
    for (const { id } of await list()) {
      const pod = await node.ask<Pod>('GET', `/pods/${id}`);
      const { items: programs } = await node.ask<{ items: UserProgram[] }>('GET', `/pods/${id}/programs`);
      users += programs.length;
      expect(programs.filter(({ attached }) => !attached)).toEqual([]);
      for (const hook of ['tcx/ingress', 'tcx/egress'])
        expect(
          pod.device?.programs
            .filter((each) => each.hook === hook)
            .map(({ ours, user }) => (ours ? 'ours' : user)),
          `${pod.name} ${hook}`,
        ).toEqual([...numbersOf(programs, hook, 'before'), 'ours', ...numbersOf(programs, hook, 'after')]);
      endpoints.push(`${podAddress(Number(pod.name.slice(5)))} slot ${pod.slot} of ${pod.number}`);
    }
    expect(readdirSync(join(node.pins, 'users'))).toHaveLength(users);
    expect(readEndpoints().sort()).toEqual(endpoints.sort());
  }, 720_000);

  const numbersOf = (programs: readonly UserProgram[], hook: string, place: string) =>
    expectInOrder(programs.filter((each) => each.hook === hook && each.place === place));

  /** Numbers by their position on the hook, which is up to the order in which they were attached. */
  const expectInOrder = (programs: readonly UserProgram[]): number[] =>
    programs.toSorted((a, b) => (a.position ?? 0) - (b.position ?? 0)).map(({ number }) => number);

  function readEndpoints(): string[] {
    const fd = openPinnedObject(join(node.pins, 'maps', 'endpoints4'));
    if (fd === null) throw new Error('endpoints4 is not pinned');
    try {
      return new BpfHashMap(fd, 'endpoints4').entries().map(([key, value]) => {
        const { slot, owner } = decodeEndpointEntry(value);
        return `${decodeEndpointKey(key)} slot ${slot} of ${owner}`;
      });
    } finally {
      closeSync(fd);
    }
  }
});

describe('during a migration', () => {
  let node: TestNode;
  beforeAll(async () => {
    node = await startTestNode();
    await addPods(node, 1);
  }, 240_000);
  afterAll(() => node?.[Symbol.asyncDispose]());

  const start = (): Promise<Migration> =>
    node.ask<Migration>('POST', '/pods/shop.many-0/migrations', { to: 'veth', recreate: true });
  const untilIdle = (): Promise<void> =>
    vi.waitFor(async () => expect((await node.ask<Pod>('GET', '/pods/shop.many-0')).migration).toBeNull(), {
      timeout: 60_000,
    });

  test.each<[string, 'POST' | 'PUT' | 'DELETE', string, unknown]>([
    ['the programs move to no other hooks', 'PUT', '/hooks', { to: 'primary' }],
    [
      'no program is attached',
      'POST',
      '/programs',
      { object, section: 'count_ports', hook: 'tcx/ingress', place: 'before' },
    ],
    ['no program is detached', 'DELETE', '/programs/1', undefined],
    ['no other migration starts', 'POST', '/migrations', { to: 'veth', recreate: true }],
    ['the pod is not detached', 'DELETE', '', undefined],
  ])('%s: 409 names the migration', async (_, method, path, body) => {
    const { id } = await start();
    await expect(node.ask(method, `/pods/shop.many-0${path}`, body)).rejects.toMatchObject({
      code: 'migration_running',
      message: expect.stringContaining(`migration ${id} is running`),
    });
    await untilIdle();
  });

  test('a dry run says so as a check', async () => {
    const { id } = await start();
    const plan = await node.ask<{ allowed: boolean; checks: { code: string; detail: string }[] }>(
      'POST',
      '/pods/shop.many-0/migrations',
      { to: 'veth', recreate: true, dryRun: true },
    );
    expect(plan.allowed).toBe(false);
    expect(plan.checks.find(({ code }) => code === 'migration_running')?.detail).toBe(
      `migration ${id} is running`,
    );
    await untilIdle();
  });

  test('the pod names only a migration that can be read', async () => {
    const seen = new Set<string | null>();
    for (let round = 0; round < 5; round++) {
      const starting = start();
      let pod: PodSummary;
      do {
        pod = await node.ask<PodSummary>('GET', '/pods/shop.many-0');
        seen.add(pod.migration);
        expect(pod.state).toBe(pod.migration === null ? 'running' : 'migrating');
      } while (pod.migration !== null || !seen.has((await starting).id));
    }
    expect(seen.size).toBe(6);
    for (const id of seen)
      if (id !== null) expect(await node.ask<Migration>('GET', `/migrations/${id}`)).toMatchObject({ id });
  });

  test('of two requests to detach the pod at once, both succeed', async () => {
    await untilIdle();
    const both = [0, 1].map(() => node.ask('DELETE', '/pods/shop.many-0'));
    expect((await Promise.allSettled(both)).map(({ status }) => status)).toEqual(['fulfilled', 'fulfilled']);
    expect(await countNodeObjects(node)).toEqual({ devices: 0, routes: 0, pins: 0, slots: 0 });
  });
});
