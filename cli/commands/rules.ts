import { readFile } from 'node:fs/promises';
import { text as readAll } from 'node:stream/consumers';
import { ProblemError } from '../../contract/problem.ts';
import type { ActiveRules, Explanation, RuleSizes, RulesPlan, RuleWarning } from '../../contract/rules.ts';
import { type Asked, answer, type Command } from '../command.ts';
import { facts } from '../table.ts';

export const show: Command = {
  name: 'rules show',
  takes: [],
  text: 'says which access rules are in force',
  options: {},
  async run({ agent, json }) {
    answer({ json }, await agent.ask<ActiveRules>('GET', '/rules'), (active) =>
      [
        facts({
          rules: active.rules === null ? 'none: all packets pass' : active.rules.rules.length,
          version: active.version,
          by: active.actor,
          at: active.time,
          comment: active.comment,
          generation: active.generation,
          tables: sizesText(active.sizes),
          problem: active.problem && `${active.problem.code}: ${active.problem.detail}`,
        }),
        ...active.warnings.map(warningText),
      ].join('\n'),
    );
  },
};

export const exportRules: Command = {
  name: 'rules export',
  takes: [],
  text: 'prints the access rules in force as YAML',
  options: { draft: { text: 'of the draft that is tried out instead' } },
  async run({ agent, flag, json }) {
    const text = await agent.text('GET', `/rules/export?set=${flag('draft') ? 'draft' : 'active'}`);
    answer({ json }, { text }, () => text.trimEnd());
  },
};

const more = 'FILE is a rule set, or NetworkPolicies of Kubernetes, in YAML or JSON; - reads standard input';

export const check: Command = {
  name: 'rules check',
  takes: ['FILE'],
  text: 'says what a file would change, and changes nothing',
  more,
  options: {},
  async run(asked) {
    const body = await readRules(asked);
    const plan = await asked.agent.ask<RulesPlan>('PUT', '/rules?dryRun=true', {
      body,
      type: 'application/yaml',
    });
    answer(asked, plan, ({ sizes, changes, write, warnings }) =>
      [
        facts({
          tables: sizesText(sizes),
          added: changes.added.join(' '),
          removed: changes.removed.join(' '),
          changed: changes.changed.join(' '),
          defaults: changes.defaults ? 'differ' : 'stay',
          writes: `${write.written} entries written, ${write.removed} removed`,
        }),
        ...warnings.map(warningText),
      ].join('\n'),
    );
  },
};

export const apply: Command = {
  name: 'rules apply',
  takes: ['FILE'],
  text: 'puts the rules of a file in force',
  more,
  options: { comment: { value: 'TEXT', text: 'why, kept with the version' } },
  async run(asked) {
    const body = await readRules(asked);
    const comment = asked.option('comment');
    const query = comment === undefined ? '' : `?comment=${encodeURIComponent(comment)}`;
    const active = await asked.agent.ask<ActiveRules>('PUT', `/rules${query}`, {
      body,
      type: 'application/yaml',
    });
    answer(asked, active, ({ version, sizes, warnings }) =>
      [`version ${version} is in force: ${sizesText(sizes)}`, ...warnings.map(warningText)].join('\n'),
    );
  },
};

export const explain: Command = {
  name: 'rules explain',
  takes: ['SOURCE', 'DESTINATION', 'WHAT'],
  text: 'says what becomes of a connection, and by which rule',
  more: 'Ends are addresses or pods; WHAT is tcp:443, udp:53, icmp:8, icmp:3/4, or a protocol’s number',
  options: { draft: { text: 'by the draft that is tried out instead' } },
  async run(asked) {
    const [source, destination, what] = asked.args;
    const body = { set: asked.flag('draft') ? 'draft' : 'active', source, destination, ...parseWhat(what!) };
    const explained = await asked.agent.ask<Explanation>('POST', '/rules/explain', { body });
    answer(asked, explained, ({ verdict, note, egress, ingress }) =>
      [
        `${verdict}: ${explained.source} → ${explained.destination} ${what}`,
        ...(note === null ? [] : [note]),
        ...[egress, ingress].flatMap((end) => (end === null ? [] : endText(end))),
      ].join('\n'),
    );
  },
};

async function readRules({ args: [file] }: Asked): Promise<string> {
  if (file === '-') return readAll(process.stdin);
  try {
    return await readFile(file!, 'utf8');
  } catch (cause) {
    throw new ProblemError('bad_request', `read ${file}: ${(cause as Error).message}`, { cause });
  }
}

/** `tcp:443` → protocol and port; `icmp:3/4` → type and code; `47` → a protocol by its number. */
export function parseWhat(text: string): object {
  const [, protocol, first, second] = /^([a-z]+|\d+)(?::(\d+)(?:\/(\d+))?)?$/.exec(text) ?? [];
  if (protocol === undefined)
    throw new ProblemError(
      'bad_request',
      `${text}: not tcp:PORT, udp:PORT, sctp:PORT, icmp:TYPE/CODE or a number`,
    );
  const named = /^\d+$/.test(protocol) ? Number(protocol) : protocol;
  if (first === undefined) return { protocol: named };
  if (named === 'icmp' || named === 1 || named === 58)
    return { protocol: named, icmp: { type: Number(first), code: Number(second ?? 0) } };
  return { protocol: named, port: Number(first) };
}

const sizesText = ({ rules, prefixes, identities, entries }: RuleSizes): string =>
  `${rules} rules, ${prefixes} prefixes, ${identities} identities, ${entries} entries`;

const warningText = ({ rule, line, message }: RuleWarning): string =>
  `warning: ${rule}${line === undefined ? '' : ` (line ${line})`}: ${message}`;

type ExplainedEnd = NonNullable<Explanation['egress']>;

function endText({ pod, direction, verdict, rule, log, losers, lookups }: ExplainedEnd): string[] {
  return [
    `${direction} of ${pod.namespace}.${pod.name}: ${verdict} by ${rule ?? 'the default'}${log === null ? '' : `, recorded by ${log}`}`,
    ...(losers.length > 0 ? [`  matched, but come later: ${losers.join(' ')}`] : []),
    ...lookups.map(({ table, key, value }) => `  ${table}[${key}] ${value ?? 'no entry'}`),
  ];
}
