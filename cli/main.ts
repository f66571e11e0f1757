import { parseArgs } from 'node:util';
import { ProblemError, problems } from '../contract/problem.ts';
import { AgentClient } from './agent.ts';
import type { Asked, Command, Option } from './command.ts';
import { debug } from './commands/debug.ts';
import { pod, pods } from './commands/pods.ts';
import { programs } from './commands/programs.ts';
import { apply, check, explain, exportRules, show } from './commands/rules.ts';
import { capture, trace } from './commands/trace.ts';

export const commands: readonly Command[] = [
  ...[pods, pod, programs, show, check, apply, exportRules, explain, trace, capture, debug],
];

/** Of every command. */
const common: Readonly<Record<string, Option>> = {
  socket: { value: 'PATH', text: 'the agent’s Unix socket [/run/podlane/agent.sock]' },
  json: { text: 'prints JSON, one value a line' },
  help: { short: 'h', text: 'this text' },
};

const exitCodes = { failed: 1, usage: 2, noAgent: 3, interrupted: 130 } as const;

/** Runs `podlane ARGS` and sets the exit code: 0, 1 refused or failed, 2 usage, 3 no agent answers, 130 interrupted. */
export async function main(args: readonly string[]): Promise<void> {
  const interrupt = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM'] as const)
    process.once(signal, () => interrupt.abort(new Error('interrupted')));
  const json = args.includes('--json');
  try {
    process.exitCode = await run(args, interrupt.signal);
  } catch (error) {
    if (interrupt.signal.aborted && !(error instanceof ProblemError)) {
      process.stderr.write('podlane: interrupted\n');
      process.exitCode = exitCodes.interrupted;
      return;
    }
    const told =
      error instanceof ProblemError
        ? error
        : new ProblemError('internal', (error as Error).stack ?? String(error), { cause: error });
    process.stderr.write(json ? `${JSON.stringify(told.toProblem())}\n` : problemText(told));
    process.exitCode = told.code === 'agent_unreachable' ? exitCodes.noAgent : exitCodes.failed;
  }
}

async function run(args: readonly string[], signal: AbortSignal): Promise<number> {
  const command = commandOf(args);
  if (command === undefined) {
    const asked = args.length === 0 || ['help', '--help', '-h'].includes(args[0]!);
    (asked ? process.stdout : process.stderr).write(
      asked ? usage() : `podlane: no command ${args[0]}\n\n${usage()}`,
    );
    return asked && args.length > 0 ? 0 : exitCodes.usage;
  }
  const options = { ...command.options, ...common };
  let values: Record<string, string | boolean | undefined>;
  let positionals: string[];
  try {
    ({ values, positionals } = parseArgs({
      args: args.slice(command.name.split(' ').length),
      allowPositionals: true,
      options: Object.fromEntries(
        Object.entries(options).map(([name, { value, short }]) => [
          name,
          { type: value === undefined ? ('boolean' as const) : ('string' as const), ...(short && { short }) },
        ]),
      ),
    }));
  } catch (error) {
    return refuse(command, (error as Error).message);
  }
  if (values.help === true) {
    process.stdout.write(helpOf(command));
    return 0;
  }
  if (positionals.length !== command.takes.length)
    return refuse(
      command,
      `takes ${command.takes.join(' ') || 'nothing'}, not ${positionals.join(' ') || 'nothing'}`,
    );
  const socket = values.socket ?? (process.env.PODLANE_SOCKET || '/run/podlane/agent.sock');
  const agent = new AgentClient(String(socket));
  try {
    await command.run(askedOf({ args: positionals, values, agent, signal }));
    // A command that was stopped on purpose, as a trace, has done what it was asked.
    return 0;
  } finally {
    await agent.close();
  }
}

/** The command that the first words name. */
const commandOf = (args: readonly string[]): Command | undefined =>
  commands.find(({ name }) => name.split(' ').every((word, index) => args[index] === word));

function askedOf({
  values,
  ...rest
}: Pick<Asked, 'args' | 'agent' | 'signal'> & {
  values: Record<string, string | boolean | undefined>;
}): Asked {
  const option = (name: string) => (typeof values[name] === 'string' ? values[name] : undefined);
  return {
    ...rest,
    json: values.json === true,
    option,
    flag: (name) => values[name] === true,
    number(name) {
      const text = option(name);
      if (text === undefined) return undefined;
      const value = text.trim() === '' ? Number.NaN : Number(text);
      if (!Number.isFinite(value)) throw new ProblemError('bad_request', `--${name} ${text}: not a number`);
      return value;
    },
  };
}

function refuse(command: Command, why: string): number {
  process.stderr.write(`podlane ${command.name}: ${why}\n\n${helpOf(command)}`);
  return exitCodes.usage;
}

function problemText({ code, message, hint, errors = [] }: ProblemError): string {
  const lines = errors.map(
    ({ path, message: what, line }) => `  ${line === undefined ? path : `line ${line}`}: ${what}`,
  );
  return [
    `podlane: ${problems[code].title} (${code})`,
    `  ${message}`,
    ...lines,
    ...(hint ? [`  ${hint}`] : []),
    '',
  ].join('\n');
}

const usageOf = ({ name, takes }: Command): string => ['podlane', name, ...takes].join(' ');

const usage = (): string => `usage: podlane COMMAND [options]

${commands.map((command) => `  ${usageOf(command).slice('podlane '.length).padEnd(42)}${command.text}`).join('\n')}

Options of each command: podlane COMMAND --help
Exit codes: 0 done, 1 refused or failed, 2 usage, 3 no agent answers, 130 interrupted
`;

function helpOf(command: Command): string {
  const options = Object.entries({ ...command.options, ...common }).map(([name, { value, short, text }]) => {
    const flag = `${short ? `-${short}, ` : ''}--${name}${value === undefined ? '' : ` ${value}`}`;
    return `  ${flag.padEnd(28)}${text}`;
  });
  return `usage: ${usageOf(command)} [options]\n\n${command.text}${command.more ? `\n${command.more}` : ''}\n\n${options.join('\n')}\n`;
}
