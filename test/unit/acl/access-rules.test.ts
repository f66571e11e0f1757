import { pino } from 'pino';
import { describe, expect, onTestFinished, test } from 'vitest';
import { generatePolicyEndpoints, generateRuleSet } from '../../../bench/acl-rules.ts';
import type { AgentEvent } from '../../../contract/agent-event.ts';
import { AccessRules } from '../../../server/acl/access-rules.ts';
import { formatRulesAsYaml } from '../../../server/acl/spec/rule-yaml.ts';
import type { LocalPodEndpoint } from '../../../server/acl/staged/loaded-rule-sets.ts';
import { parseIfMatch } from '../../../server/http/if-match.ts';
import { openTemporaryStore } from '../store/temporary-store.ts';
import { FakeKernelRules, noRoom } from './fake-kernel-rules.ts';

const pod = (number: number, name: string, labels: Record<string, string> = {}): LocalPodEndpoint => {
  return { id: `id-${name}`, number, namespace: 'shop', name, labels, addresses: [`10.42.0.${number}/32`] };
};
const cart = pod(1, 'cart', { app: 'cart' });
const web = pod(2, 'web', { app: 'web' });

/** Lets pods of the label reach cart. */
const shop = (app = 'web') => `# who may reach the cart
name: shop
defaults: { ingress: deny }
rules:
  - name: to cart
    direction: ingress
    subject: { selector: { matchLabels: { app: cart } } }
    peers: [{ pods: { matchLabels: { app: ${app} } } }]
    protocol: tcp
    ports: [{ from: 80 }]
    action: allow
`;

async function open({
  kernel = new FakeKernelRules(),
  file,
  pods = [cart, web],
}: {
  kernel?: FakeKernelRules;
  file?: string;
  pods?: LocalPodEndpoint[];
} = {}) {
  const scratch = await openTemporaryStore(...(file === undefined ? [] : [file]));
  const rules = new AccessRules({ store: scratch.store, log: pino({ level: 'silent' }) });
  onTestFinished(() => rules.close());
  const events: AgentEvent[] = [];
  rules.on('event', (event) => events.push(event));
  await rules.open(kernel, pods);
  return { rules, kernel, events, ...scratch };
}

const ada = { actor: 'ada' };
const why = async (answer: Promise<unknown>) => {
  const problem = (await answer.then(
    () => null,
    (error: unknown) => error,
  )) as { code: string; errors?: { line: number }[] } | null;
  return problem && [problem.code, problem.errors?.map(({ line }) => line)];
};

describe('active access rules', () => {
  test('applying a text compiles it for the pods, loads it, stores it unchanged as a version, and publishes an event', async () => {
    const { rules, kernel, events } = await open();
    expect(rules.active()).toMatchObject({ version: 0, etag: 'v0', rules: null, text: null });
    const active = await rules.apply(shop(), { actor: 'ada', comment: 'opening day' });
    expect(active).toMatchObject({
      version: 1,
      etag: 'v1',
      actor: 'ada',
      comment: 'opening day',
      generation: 1,
      problem: null,
      text: shop(),
      rules: { name: 'shop' },
      sizes: { rules: 1, prefixes: 1, identities: 1 },
    });
    expect(kernel.sets.active.owners).toEqual(
      new Map([
        [cart.id, 1],
        [web.id, 2],
      ]),
    );
    expect(kernel.sets.active.request?.defaults).toEqual({ ingress: 'deny', egress: 'allow' });
    expect(events.map(({ type }) => type)).toEqual(['rules.applied']);
    expect(events[0]?.message).toMatch(/^ada applied rules shop as version 1 \(1 rules, \d+ entries/);
  });

  test('rules that cannot be applied change neither kernel nor store', async () => {
    const { rules, kernel, store } = await open();
    await rules.apply(shop(), ada);
    expect(await why(rules.apply(shop().replace('80', '99999'), ada))).toEqual(['bad_rules', [10]]);
    expect(await why(rules.apply(shop('other'), { ...ada, precondition: parseIfMatch('"v0"') }))).toEqual([
      'rules_changed',
      undefined,
    ]);
    kernel.nextError = noRoom();
    expect(await why(rules.apply(shop('other'), ada))).toEqual(['rules_too_large', undefined]);
    expect(rules.active()).toMatchObject({ version: 1, text: shop(), problem: null });
    expect((await store.listRuleVersions({ limit: 9 })).items).toHaveLength(1);
    expect(kernel.loads).toBe(1);
    // The number that was taken back is not given again.
    expect(await rules.apply(shop('other'), { ...ada, precondition: parseIfMatch('"v1"') })).toMatchObject({
      version: 3,
    });
  });

  test('texts that are merged at the same time are merged one after the other', async () => {
    const { rules } = await open();
    const rule = (name: string) =>
      `name: shop\nrules:\n  - { name: ${name}, direction: ingress, subject: { all: true }, action: deny }\n`;
    await rules.apply(rule('first'), ada);
    const names = ['a', 'b', 'c', 'd'];
    await Promise.all(names.map((name) => rules.apply(rule(name), ada, { merge: true })));
    const { rules: active, version } = rules.active();
    expect(active?.rules.map(({ name }) => name).sort()).toEqual([...names, 'first']);
    expect(version).toBe(5);
    const old = { ...ada, precondition: parseIfMatch('"v4"') };
    expect(await why(rules.apply(rule('e'), old, { merge: true }))).toEqual(['rules_changed', undefined]);
  });

  test('rolling back to any version adds a new one, and removing the rules is a version too', async () => {
    const { rules, kernel } = await open();
    await rules.apply(shop(), ada);
    await rules.apply(shop('other'), ada);
    await rules.remove({ actor: 'bob' });
    expect(kernel.sets.active.request).toBeNull();
    expect(rules.active()).toMatchObject({ version: 3, text: null, rules: null, sizes: { entries: 0 } });
    expect(await rules.rollBack(1, { actor: 'eve' })).toMatchObject({
      version: 4,
      text: shop(),
      comment: 'Roll back to version 1',
    });
    const { items } = await rules.versions({ limit: 9 });
    expect(
      items.map(({ number, actor, restored, name, active }) => [number, actor, restored, name, active]),
    ).toEqual([
      [4, 'eve', 1, 'shop', true],
      [3, 'bob', null, null, false],
      [2, 'ada', null, 'shop', false],
      [1, 'ada', null, 'shop', false],
    ]);
    expect(await rules.version(2)).toMatchObject({
      text: shop('other'),
      set: { rules: [{ name: 'to cart' }] },
    });
    expect(await why(rules.version(9))).toEqual(['version_not_found', undefined]);
  });

  test('a restarted agent loads the active and the staged rules; rules that it cannot load are a problem', async () => {
    const first = await open();
    await first.rules.apply(shop(), ada);
    await first.rules.stage(shop('other'), ada);
    await first.rules.close();
    await first.store.close();
    const second = await open({ file: first.file });
    expect(second.rules.active()).toMatchObject({ version: 1, text: shop(), generation: 1, problem: null });
    expect(second.rules.staged()).toMatchObject({ text: shop('other'), evaluating: true });
    await second.rules.close();
    await second.store.close();
    const kernel = new FakeKernelRules();
    kernel.nextError = noRoom();
    const third = await open({ file: first.file, kernel });
    expect(third.rules.active()).toMatchObject({
      version: 1,
      text: shop(),
      problem: { code: 'rules_too_large' },
    });
    expect((await third.store.listEvents({ limit: 1 })).items[0]).toMatchObject({
      type: 'rules.failed',
      severity: 'error',
    });
  });
});

describe('added and removed pods', () => {
  test('rules apply to a pod before it gets a device, and pods added at once are compiled once', async () => {
    const { rules, kernel } = await open({ pods: [cart] });
    await rules.apply(shop(), ada);
    expect(kernel.sets.active.request?.tables.ipcache.size).toBe(0);
    await Promise.all([rules.addPod(web), rules.addPod(pod(3, 'api')), rules.addPod(pod(4, 'job'))]);
    expect([...kernel.sets.active.owners.values()]).toEqual([1, 2, 3, 4]);
    expect([...kernel.sets.active.request!.tables.ipcache.keys()]).toEqual(['10.42.0.2/32']);
    expect(kernel.loads).toBe(2);
    rules.removePod(web.id);
    await expect.poll(() => kernel.sets.active.owners.has(web.id)).toBe(false);
    expect(rules.active().warnings).toMatchObject([{ rule: 'to cart', line: 5 }]);
  });

  test('a pod for which the rules cannot be loaded is rejected, and the active rules stay', async () => {
    const { rules, kernel, events } = await open({ pods: [cart] });
    await rules.apply(shop(), ada);
    kernel.nextError = noRoom();
    expect(await why(rules.addPod(web))).toEqual(['rules_too_large', undefined]);
    expect(rules.active().problem?.code).toBe('rules_too_large');
    expect(events.at(-1)?.type).toBe('rules.failed');
    await rules.addPod(web);
    expect(rules.active().problem).toBeNull();
    expect(kernel.sets.active.owners.size).toBe(2);
  });

  test('without rules nothing is loaded', async () => {
    const { rules, kernel } = await open({ pods: [] });
    await rules.addPod(cart);
    rules.removePod(cart.id);
    expect(kernel.loads).toBe(0);
  });
});

describe('staged rules', () => {
  test('are evaluated beside the active rules, show what they change, and become active', async () => {
    const { rules, kernel, events } = await open();
    await rules.apply(shop(), ada);
    const staged = await rules.stage(shop('other').replace('to cart', 'others to cart'), ada);
    expect(staged).toMatchObject({
      base: 1,
      evaluating: true,
      generation: 1,
      changes: { added: ['others to cart'], removed: ['to cart'], changed: [], defaults: false },
    });
    expect(rules.active()).toMatchObject({ version: 1, generation: 1 });
    expect(await why(rules.applyStaged({ ...ada, precondition: parseIfMatch('"old"') }))).toEqual([
      'rules_changed',
      undefined,
    ]);
    const applied = await rules.applyStaged({ ...ada, precondition: parseIfMatch(`"${staged.etag}"`) });
    expect(applied).toMatchObject({ version: 2, rules: { rules: [{ name: 'others to cart' }] } });
    expect(rules.staged()).toBeNull();
    expect(kernel.sets.staged.request).toBeNull();
    expect(events.map(({ type }) => type)).toEqual(['rules.applied', 'rules.staged', 'rules.applied']);
  });

  test('are merged into the active rules, also if these change meanwhile', async () => {
    const { rules } = await open();
    await rules.apply(shop(), ada);
    const others = shop('other').replace('to cart', 'others to cart');
    const [, staged] = await Promise.all([
      rules.apply(shop().replace('to cart', 'to all'), ada),
      rules.stage(others, ada, { merge: true }),
    ]);
    expect(staged.base).toBe(2);
    expect(staged.changes).toMatchObject({ added: ['others to cart'], removed: [], changed: [] });
    expect(rules.active().rules?.rules.map(({ name }) => name)).toEqual(['to all']);
    const applied = await rules.applyStaged(ada);
    expect(applied.rules?.rules.map(({ name }) => name)).toEqual(['to all', 'others to cart']);
  });

  test('are not applied when another version was activated since they were staged', async () => {
    const { rules } = await open();
    await rules.stage(shop(), ada);
    await rules.apply(shop('other'), { actor: 'bob' });
    expect(await why(rules.applyStaged(ada))).toEqual(['rules_changed', undefined]);
    await rules.stage(shop(), ada);
    expect(await rules.applyStaged(ada)).toMatchObject({ version: 2, text: shop() });
    expect(await why(rules.applyStaged(ada))).toEqual(['no_staged_rules', undefined]);
  });

  test('that cannot be loaded leave the previous ones staged, in the store too', async () => {
    const { rules, kernel, store } = await open();
    await rules.stage(shop(), ada);
    kernel.nextError = noRoom();
    expect(await why(rules.stage(shop('other'), ada))).toEqual(['rules_too_large', undefined]);
    expect(rules.staged()).toMatchObject({ text: shop(), evaluating: true });
    expect(await store.setting('node', 'rules.staged')).toMatchObject({ text: shop() });
    await rules.discardStaged(ada);
    expect(await store.setting('node', 'rules.staged')).toBeNull();
  });
});

describe('entries of rules', () => {
  test('entries name their rule, pods and peers, with the hits counted by the kernel', async () => {
    const { rules, kernel } = await open();
    await rules.apply(shop(), ada);
    const { items, total } = await rules.queries.entries('active', { rule: 'to cart' }, 0, 10);
    expect(total).toBe(1);
    expect(items[0]).toMatchObject({
      protocol: 'tcp',
      from: 80,
      to: 80,
      length: 16,
      verdict: 'allow',
      rule: 'to cart',
      packets: 0,
      uses: [{ direction: 'ingress', pods: [{ name: 'cart' }], peers: ['10.42.0.2/32'], peerCount: 1 }],
    });
    const entry = items[0]!;
    kernel.hitCounts = [
      { entryList: entry.entryList, protocol: 6, port: 80, length: 16, rule: 1, log: 0, hits: 7n },
    ];
    await new Promise((resolve) => setTimeout(resolve, 1050));
    expect(
      (await rules.queries.entries('active', { pod: cart.id }, 0, 10)).items.map(({ rule, packets }) => [
        rule,
        packets,
      ]),
    ).toEqual(
      expect.arrayContaining([
        ['to cart', 7],
        [null, 0],
      ]),
    );
    expect(await rules.queries.statistics('active')).toMatchObject({
      items: [{ rule: 'to cart', pods: 1, entries: 1, packets: 7 }],
      defaults: { packets: 0 },
    });
    expect(await rules.queries.rule('active', 'to cart')).toMatchObject({
      number: 1,
      line: 5,
      pods: [{ name: 'cart' }],
      peers: ['10.42.0.2/32'],
      packets: 7,
      warning: null,
      entries: [{ packets: 7 }],
    });
    expect(await why(rules.queries.rule('active', 'other'))).toEqual(['rule_not_found', undefined]);
    expect(rules.ruleName('active', 1, 1)).toBe('to cart');
  });

  test('a packet is explained by pod name or address, by active and staged rules; without rules it is allowed', async () => {
    const { rules } = await open();
    const ask = (source: string, port: number, set: 'active' | 'staged' = 'active') =>
      rules.queries.explain({ set, source, destination: 'shop.cart', protocol: 'tcp', port });
    expect(await ask('shop.web', 80)).toMatchObject({
      verdict: 'allow',
      note: expect.stringContaining('No access rules'),
    });
    await rules.apply(shop(), ada);
    expect(await ask('shop.web', 80)).toMatchObject({
      verdict: 'allow',
      source: '10.42.0.2',
      destination: '10.42.0.1',
      protocol: 6,
      port: 80,
      note: null,
      egress: { pod: { name: 'web' }, rule: null, verdict: 'allow' },
      ingress: {
        pod: { name: 'cart' },
        rule: 'to cart',
        lookups: expect.arrayContaining([expect.objectContaining({ table: 'rule_entries' })]),
      },
    });
    expect(await ask('10.42.0.2', 81)).toMatchObject({ verdict: 'deny', ingress: { rule: null } });
    expect(await ask('192.0.2.1', 80)).toMatchObject({ verdict: 'deny', egress: null });
    rules.queries.setNodeAddresses(['192.0.2.1']);
    expect(await ask('192.0.2.1', 80)).toMatchObject({
      verdict: 'allow',
      note: expect.stringContaining('node itself'),
    });
    expect(await why(ask('shop.web', 80, 'staged'))).toEqual(['no_staged_rules', undefined]);
    expect(await why(ask('nobody', 80))).toEqual(['unprocessable', undefined]);
    expect(await why(ask('fd00::1', 80))).toEqual(['unprocessable', undefined]);
  });
});

test('large rule sets are parsed and compiled off the event loop', async () => {
  const pods = generatePolicyEndpoints(100).map((each, number) => ({ ...each, number }));
  const { rules } = await open({ pods });
  const text = formatRulesAsYaml(generateRuleSet(300, 600, 100));
  let longest = 0;
  let last = performance.now();
  const beat = setInterval(() => {
    longest = Math.max(longest, performance.now() - last);
    last = performance.now();
  }, 1);
  const active = await rules.apply(text, ada);
  clearInterval(beat);
  expect(active.sizes.entries).toBeGreaterThan(10_000);
  // Reading and compiling take several times as long.
  expect(longest).toBeLessThan(active.load!.compileMs);
});
