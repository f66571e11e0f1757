import { expect, test } from 'vitest';
import type { RuleSetInput } from '../../../contract/rule-set.ts';
import { AgentProcess, TestHost } from './agent-fixture.ts';

const size = 8 << 20;
/**
 * Time in ms of processor that a text may take with all that the agent does meanwhile, attaching a pod included. An idle
 * machine answers a text within 2 s.
 */
const limitMs = 3000;

/** Fills what is left of 8 MiB with a part, again and again. */
const fill = (part: string, before = ''): string =>
  before + part.repeat(Math.floor((size - before.length) / part.length));
const rule = (index: number): RuleSetInput['rules'][number] => ({
  name: `rule ${index}`,
  direction: 'ingress',
  subject: { selector: { matchLabels: { app: `app-${index % 50}` } } },
  peers: Array.from({ length: 6 }, (_, i) => ({ cidr: `10.${index >> 8}.${index & 255}.${16 * i}/28` })),
  protocol: 'tcp',
  ports: [{ from: 8080, to: 8090 }],
  action: 'allow',
});
const writeJson = (from: number, count: number): string =>
  JSON.stringify({ name: 'large', rules: Array.from({ length: count }, (_, index) => rule(from + index)) });
const writeYaml = (from: number, count: number): string => {
  const rules = Array.from({ length: count }, (_, index) => JSON.stringify(rule(from + index)));
  const items = rules.map((each) => `  - ${each.replaceAll(/([,:])(?=["[{\dt])/g, '$1 ')}\n`);
  return `name: large\nrules:\n${items.join('')}`;
};
/** Fills a text up to 8 MiB by a comment. */
const padded = (text: string, bytes = size): string => `# ${'x'.repeat(bytes - text.length - 3)}\n${text}`;

const hostile: [name: string, text: string][] = [
  ['unknown keys', fill('abcdefgh: v\n')],
  ['different keys', Array.from({ length: 600_000 }, (_, index) => `k${index}: v\n`).join('')],
  ['anchors', fill('- &a x\n')],
  ['nesting', fill('- - - - - - - -\n')],
  ['documents', fill('---\na: b\n')],
  ['comments', fill('# comment of a rule\n')],
  ['a block scalar', fill(' line\n', 'name: |\n')],
  ['a quote without an end', fill('x\n', 'name: "')],
  ['peers that are none', fill('  - {cidr: 10.0.0.256/32}\n', 'name: x\nrules:\n- peers:\n')],
];

/** Requests that take a rules text. */
const requests = [
  ['POST', '/rules/import'],
  ['PUT', '/rules/staged'],
  ['PUT', '/rules'],
] as const;

interface Asked {
  method: 'POST' | 'PUT';
  path: string;
  text: string;
  type?: string;
}

/** An agent whose processor time is measured while it answers and attaches a pod. */
class MeasuredAgent {
  readonly agent: AgentProcess;
  #pods = 0;

  constructor(agent: AgentProcess) {
    this.agent = agent;
  }

  async ask(name: string, { method, path, text, type = 'application/yaml' }: Asked) {
    const before = this.agent.cpuMs();
    const start = performance.now();
    const order: string[] = [];
    this.#pods += 1;
    const number = this.#pods;
    const answer = this.agent.call(method, path, text, type);
    const attached = this.agent.attach(`pod-${number}`, 10 + number, { app: `app-${number}` });
    await Promise.all([
      answer.then(() => order.push('answered')),
      attached.then(() => order.push('attached')),
    ]);
    const { status, body } = await answer;
    const cpuMs = this.agent.cpuMs() - before;
    const wall = Math.round(performance.now() - start);
    console.log(
      `${method} ${path} ${name}: ${status} ${body.detail ?? ''}, ${cpuMs} ms of processor, ${wall} ms`,
    );
    expect(cpuMs, name).toBeLessThan(limitMs);
    return { status, body, order };
  }
}

test('8 MiB of any text are answered in time, and pods are attached meanwhile', {
  timeout: 600_000,
}, async () => {
  const host = new TestHost();
  const measured = new MeasuredAgent(await new AgentProcess(host, '--log-level', 'error').ready());
  for (const [name, text] of hostile)
    for (const [method, path] of requests)
      for (const merge of ['', '?merge=true']) {
        const { status, body } = await measured.ask(name, { method, path: path + merge, text });
        expect(status, name).toBe(422);
        expect(body, name).toMatchObject({ code: 'bad_rules', hint: expect.any(String) });
      }
  const plain: [string, string, string][] = [
    ['YAML', padded(writeYaml(0, 10_000)), 'application/yaml'],
    ['JSON', writeJson(0, 10_000).padEnd(size), 'text/json'],
  ];
  for (const [name, text, type] of plain)
    for (const [method, path] of requests) {
      const { status, order } = await measured.ask(name, { method, path, text, type });
      expect(status, name).toBe(200);
      expect(order[0], name).toBe('attached');
    }
});

test('large texts are merged in time, and pods are attached meanwhile', { timeout: 600_000 }, async () => {
  const host = new TestHost();
  const measured = new MeasuredAgent(await new AgentProcess(host, '--log-level', 'error').ready());
  const half = size / 2;
  const write = { YAML: writeYaml, JSON: writeJson };
  for (const into of ['YAML', 'JSON'] as const) {
    const active = padded(write[into](0, 5000), half - 100);
    expect(await measured.agent.call('PUT', '/rules', active, 'application/yaml')).toMatchObject({
      status: 200,
    });
    for (const added of ['YAML', 'JSON'] as const)
      for (const [method, path] of requests) {
        const text = padded(write[added](2500, 5000), half - 100);
        const name = `${added} into ${into}`;
        const { status, body, order } = await measured.ask(name, {
          method,
          path: `${path}?merge=true`,
          text,
        });
        expect({ name, status, detail: body.detail }).toEqual({ name, status: 200, detail: undefined });
        expect(order[0], name).toBe('attached');
      }
    for (const [name, text] of hostile) {
      const { status } = await measured.ask(`${name} into ${into}`, {
        method: 'POST',
        path: '/rules/import?merge=true',
        text,
      });
      expect(status, name).toBe(422);
    }
  }
  const { status, body } = await measured.ask('more than 8 MiB together', {
    method: 'PUT',
    path: '/rules?merge=true',
    text: padded(writeJson(0, 5000)),
  });
  expect({ status, code: body.code }).toEqual({ status: 422, code: 'unprocessable' });
});
