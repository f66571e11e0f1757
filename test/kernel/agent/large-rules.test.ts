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
const rules = Array.from({ length: 10_000 }, (_, index) => rule(index));
const written = JSON.stringify({ name: 'large', rules });
const block = `name: large\nrules:\n${rules.map((each) => `  - ${JSON.stringify(each).replaceAll(/([,:])(?=["[{\dt])/g, '$1 ')}\n`).join('')}`;
const padded = (text: string): string => `# ${'x'.repeat(size - text.length - 3)}\n${text}`;

test('8 MiB of any text are answered in time, and pods are attached meanwhile', {
  timeout: 300_000,
}, async () => {
  const texts: [name: string, text: string, status: number][] = [
    ['JSON', padded(written), 200],
    ['YAML', padded(block), 200],
    ['unknown keys', fill('abcdefgh: v\n'), 422],
    ['anchors', fill('- &a x\n'), 422],
    ['nesting', fill('- - - - - - - -\n'), 422],
    ['documents', fill('---\na: b\n'), 422],
    ['comments', fill('# comment of a rule\n'), 422],
    ['a block scalar', fill(' line\n', 'name: |\n'), 422],
    ['a quote without an end', fill('x\n', 'name: "'), 422],
  ];
  const host = new TestHost();
  const agent = await new AgentProcess(host, '--log-level', 'error').ready();
  for (const [index, [name, text, status]] of texts.entries()) {
    const before = agent.cpuMs();
    const order: string[] = [];
    const answer = agent.call('POST', '/rules/import', text, 'application/yaml');
    const attached = agent.attach(`pod-${index}`, 10 + index, { app: `app-${index}` });
    await Promise.all([
      answer.then(() => order.push('answered')),
      attached.then(() => order.push('attached')),
    ]);
    const { status: answered, body } = await answer;
    const cpuMs = agent.cpuMs() - before;
    console.log(`${name}: ${answered} ${body.detail ?? ''}, ${cpuMs} ms of processor`);
    expect(answered, name).toBe(status);
    if (status !== 200) expect(body, name).toMatchObject({ code: 'bad_rules', hint: expect.any(String) });
    else expect(order, name).toEqual(['attached', 'answered']);
    expect(cpuMs, name).toBeLessThan(limitMs);
  }
});
