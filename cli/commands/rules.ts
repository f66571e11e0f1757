import { readFile } from 'node:fs/promises';
import { text as readAll } from 'node:stream/consumers';
import { ProblemError } from '../../contract/problem.ts';
import type {
  ActiveRules,
  RuleExplanation,
  RuleLoadCost,
  RuleSizes,
  RulesLearning,
  RulesPlan,
  RuleWarning,
  StagedRules,
} from '../../contract/rules.ts';
import { type CliCommand, type CommandInvocation, printResult } from '../command.ts';
import { formatFieldLines } from '../text-table.ts';

export const rulesShowCommand: CliCommand = {
  name: 'rules show',
  parameters: [],
  summary: 'shows the active access rules',
  options: {},
  async run({ agent, json }) {
    printResult({ json }, await agent.request<ActiveRules>('GET', '/rules'), (active) =>
      [
        formatFieldLines({
          rules: active.rules === null ? 'none: all traffic is allowed' : active.rules.rules.length,
          version: active.version,
          by: active.actor,
          at: active.time,
          comment: active.comment,
          generation: active.generation,
          tables: formatRuleSizes(active.sizes),
          learning: active.learning && formatLearning(active.learning),
          adopted: active.load?.adopted ?? null,
          problem: active.problem && `${active.problem.code}: ${active.problem.detail}`,
        }),
        ...active.warnings.map(formatRuleWarning),
      ].join('\n'),
    );
  },
};

export const rulesExportCommand: CliCommand = {
  name: 'rules export',
  parameters: [],
  summary: 'prints the active access rules as YAML',
  options: { staged: { summary: 'print the staged rules instead' } },
  async run({ agent, flag, json }) {
    const text = await agent.text('GET', `/rules/export?set=${flag('staged') ? 'staged' : 'active'}`);
    // A file gets the text as it was written.
    if (json || process.stdout.isTTY) printResult({ json }, { text }, () => text.trimEnd());
    else process.stdout.write(`${text.trimEnd()}\n`);
  },
};

const fileFormats =
  'FILE is a rule set, or Kubernetes NetworkPolicies, in YAML or JSON; - reads standard input';

const mergeOption = {
  merge: {
    summary: 'merge into the active rules: replaces rules and policies of the same names, keeps the others',
  },
};

/** Returns the path of the active or staged rules with the parameters that are given. */
function rulesPath(parameters: Record<string, string | false | undefined>, path = '/rules'): string {
  const given = Object.entries(parameters).filter((entry): entry is [string, string] => Boolean(entry[1]));
  return given.length === 0 ? path : `${path}?${new URLSearchParams(given)}`;
}

export const rulesCheckCommand: CliCommand = {
  name: 'rules check',
  parameters: ['FILE'],
  summary: 'validates a file and shows what it would change, without applying it',
  details: fileFormats,
  options: mergeOption,
  async run(invocation) {
    const body = await readRules(invocation);
    const path = rulesPath({ dryRun: 'true', merge: invocation.flag('merge') && 'true' });
    const plan = await invocation.agent.request<RulesPlan>('PUT', path, {
      body,
      type: 'application/yaml',
    });
    printResult(invocation, plan, ({ sizes, changes, write, warnings }) =>
      [
        formatFieldLines({
          tables: formatRuleSizes(sizes),
          added: changes.added.join(' '),
          removed: changes.removed.join(' '),
          changed: changes.changed.join(' '),
          defaults: changes.defaults ? 'changed' : 'unchanged',
          writes: `${write.written} entries written, ${write.removed} removed`,
        }),
        ...warnings.map(formatRuleWarning),
      ].join('\n'),
    );
  },
};

export const rulesApplyCommand: CliCommand = {
  name: 'rules apply',
  parameters: ['FILE'],
  summary: 'applies the rules of a file',
  details: fileFormats,
  options: { ...mergeOption, comment: { value: 'TEXT', summary: 'comment, saved with this version' } },
  async run(invocation) {
    const body = await readRules(invocation);
    const comment = invocation.option('comment');
    const path = rulesPath({ merge: invocation.flag('merge') && 'true', comment });
    const active = await invocation.agent.request<ActiveRules>('PUT', path, {
      body,
      type: 'application/yaml',
    });
    printResult(invocation, active, ({ version, sizes, load, warnings }) =>
      [
        `version ${version} is active: ${formatRuleSizes(sizes)}`,
        ...formatAdopted(load),
        ...warnings.map(formatRuleWarning),
      ].join('\n'),
    );
  },
};

export const rulesStageCommand: CliCommand = {
  name: 'rules stage',
  parameters: ['FILE'],
  summary: 'stages the rules of a file: traffic is evaluated by them, and they are not enforced',
  details: fileFormats,
  options: mergeOption,
  async run(invocation) {
    const body = await readRules(invocation);
    const path = rulesPath({ merge: invocation.flag('merge') && 'true' }, '/rules/staged');
    const { staged } = await invocation.agent.request<{ staged: StagedRules }>('PUT', path, {
      body,
      type: 'application/yaml',
    });
    printResult(invocation, staged, ({ base, sizes, load, warnings }) =>
      [
        `staged on version ${base}: ${formatRuleSizes(sizes)}`,
        ...formatAdopted(load),
        ...warnings.map(formatRuleWarning),
      ].join('\n'),
    );
  },
};

export const rulesExplainCommand: CliCommand = {
  name: 'rules explain',
  parameters: ['SOURCE', 'DESTINATION', 'TRAFFIC'],
  summary: 'shows the verdict for a connection, and the rule that decides',
  details:
    'SOURCE and DESTINATION are addresses or pods; TRAFFIC is tcp:443, udp:53, icmp:8, icmp:3/4, or a protocol number. Where the host translates existing connections between them, their real ends are explained',
  options: { staged: { summary: 'evaluate the staged rules instead' } },
  async run(invocation) {
    const [source, destination, traffic = ''] = invocation.args;
    const body = {
      set: invocation.flag('staged') ? 'staged' : 'active',
      source,
      destination,
      ...parseProtocolAndPort(traffic),
    };
    const explained = await invocation.agent.request<RuleExplanation>('POST', '/rules/explain', { body });
    printResult(invocation, explained, ({ verdict, note, egress, ingress }) =>
      [
        `${verdict}: ${explained.source} → ${explained.destination} ${traffic}`,
        ...formatTranslation(explained.translation),
        ...(note === null ? [] : [note]),
        ...[egress, ingress].flatMap((end) => (end === null ? [] : formatExplainedEnd(end))),
      ].join('\n'),
    );
  },
};

async function readRules({ args: [file = '-'] }: CommandInvocation): Promise<string> {
  if (file === '-') return readAll(process.stdin);
  try {
    return await readFile(file, 'utf8');
  } catch (cause) {
    throw new ProblemError('bad_request', `read ${file}: ${(cause as Error).message}`, { cause });
  }
}

/**
 * Parses `tcp:443` (protocol and port), `icmp:3/4` (type and code) or `47` (protocol number).
 * @throws ProblemError `bad_request`
 */
export function parseProtocolAndPort(text: string): object {
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

const formatRuleSizes = ({ rules, prefixes, identities, entries }: RuleSizes): string =>
  `${rules} rules, ${prefixes} prefixes, ${identities} identities, ${entries} entries`;

const formatLearning = ({ until, connections }: RulesLearning): string =>
  `until ${until}, ${connections} connections seen; the rules are enforced then`;

const formatAdopted = (load: RuleLoadCost | null): string[] =>
  load?.adopted == null ? [] : [`${load.adopted} existing connections were taken over`];

const formatRuleWarning = ({ rule, line, message }: RuleWarning): string =>
  `warning: ${rule}${line === undefined ? '' : ` (line ${line})`}: ${message}`;

function formatTranslation(translation: RuleExplanation['translation']): string[] {
  if (translation === null) return [];
  const { connections, real, others } = translation;
  if (connections === 0)
    return [
      'no existing connection has these ends: if the host translates a new one, rules see its real ends',
    ];
  const elsewhere = others === 0 ? '' : `, ${others} more have other real ends`;
  if (real === null) return [`not translated: ${connections} existing connections${elsewhere}`];
  const { source, destination, port } = real;
  return [
    `real ends: ${source} → ${destination}${port === null ? '' : ` port ${port}`} (${connections} existing connections${elsewhere})`,
  ];
}

type ExplainedEnd = NonNullable<RuleExplanation['egress']>;

function formatExplainedEnd({
  pod,
  direction,
  verdict,
  rule,
  log,
  shadowed,
  lookups,
}: ExplainedEnd): string[] {
  return [
    `${direction} of ${pod.namespace}.${pod.name}: ${verdict} by ${rule ?? 'the default action'}${log === null ? '' : `, logged by ${log}`}`,
    ...(shadowed.length > 0 ? [`  also match, at a lower priority: ${shadowed.join(' ')}`] : []),
    ...lookups.map(({ table, key, value }) => `  ${table}[${key}] ${value ?? 'no entry'}`),
  ];
}
