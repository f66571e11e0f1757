import { parseArgs } from 'node:util';
import { ProblemError, problemDefinitions } from '../contract/problem.ts';
import { AgentClient } from './agent-client.ts';
import type { CliCommand, CommandInvocation, CommandOption } from './command.ts';
import { adoptCommand, releaseCommand } from './commands/adopt.ts';
import { batchCommand } from './commands/batch.ts';
import {
  bpfLinkCreateCommand,
  bpfLinkDetachCommand,
  bpfLinkUpdateCommand,
  bpfProgramAttachCommand,
  bpfProgramDetachCommand,
} from './commands/bpf.ts';
import { checksCommand } from './commands/checks.ts';
import { cniInstallCommand, cniStatusCommand, cniUninstallCommand } from './commands/cni.ts';
import { debugCommand } from './commands/debug.ts';
import { kubernetesCommand } from './commands/kubernetes.ts';
import { doctorCommand } from './commands/doctor.ts';
import { migrateCommand } from './commands/migrate.ts';
import { networkStateCommand, podCommand, podsCommand } from './commands/pods.ts';
import { preflightCommand } from './commands/preflight.ts';
import { programsCommand } from './commands/programs.ts';
import { redirectCommand } from './commands/redirect.ts';
import {
  rulesApplyCommand,
  rulesCheckCommand,
  rulesExplainCommand,
  rulesExportCommand,
  rulesShowCommand,
  rulesStageCommand,
} from './commands/rules.ts';
import { runtimesCommand } from './commands/runtimes.ts';
import { captureCommand, traceCommand } from './commands/trace.ts';
import { escapeControlCharactersInLines } from './escape-control-characters.ts';
import { formatHelp, formatUsage } from './usage.ts';

export const cliCommands: readonly CliCommand[] = [
  podsCommand,
  podCommand,
  networkStateCommand,
  runtimesCommand,
  checksCommand,
  redirectCommand,
  preflightCommand,
  kubernetesCommand,
  migrateCommand,
  adoptCommand,
  releaseCommand,
  batchCommand,
  programsCommand,
  rulesShowCommand,
  rulesCheckCommand,
  rulesApplyCommand,
  rulesStageCommand,
  rulesExportCommand,
  rulesExplainCommand,
  traceCommand,
  captureCommand,
  cniInstallCommand,
  cniUninstallCommand,
  cniStatusCommand,
  doctorCommand,
  debugCommand,
  bpfLinkCreateCommand,
  bpfLinkUpdateCommand,
  bpfLinkDetachCommand,
  bpfProgramAttachCommand,
  bpfProgramDetachCommand,
];

/** Options that every command accepts. */
const commonOptions: Readonly<Record<string, CommandOption>> = {
  socket: { value: 'PATH', summary: 'the agent’s Unix socket [/run/podlane/agent.sock]' },
  json: { summary: 'print JSON, one value a line' },
  help: { short: 'h', summary: 'show this help' },
};

const exitCodes = { failed: 1, usage: 2, noAgent: 3, interrupted: 130 } as const;

/**
 * Runs `podlane ARGS` and sets the exit code: 0 success, 1 failure, 2 usage error, 3 agent unreachable, 130
 * interrupted.
 */
export async function runCli(args: readonly string[]): Promise<void> {
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
    const problem =
      error instanceof ProblemError
        ? error
        : new ProblemError('internal', (error as Error).stack ?? String(error), { cause: error });
    const text = json ? `${JSON.stringify(problem.toProblem())}\n` : problemText(problem);
    process.stderr.write(escapeControlCharactersInLines(text));
    process.exitCode = problem.code === 'agent_unreachable' ? exitCodes.noAgent : exitCodes.failed;
  }
}

async function run(args: readonly string[], signal: AbortSignal): Promise<number> {
  const command = findCommand(args);
  if (command === undefined) return printUsage(args);
  const options = { ...command.options, ...commonOptions };
  let values: OptionValues;
  let positionals: string[];
  try {
    ({ values, positionals } = parseArgs({
      args: args.slice(command.name.split(' ').length),
      allowPositionals: true,
      options: Object.fromEntries(
        Object.entries(options).map(([name, { value, short, repeatable }]) => [
          name,
          {
            type: value === undefined ? ('boolean' as const) : ('string' as const),
            ...(short && { short }),
            ...(repeatable && { multiple: true }),
          },
        ]),
      ),
    }));
  } catch (error) {
    return refuse(command, (error as Error).message);
  }
  if (values.help === true) {
    process.stdout.write(formatHelp(command, commonOptions));
    return 0;
  }
  const { parameters, furtherParameter } = command;
  if (
    positionals.length < parameters.length ||
    (positionals.length > parameters.length && furtherParameter === undefined)
  )
    return refuse(
      command,
      `takes ${parameters.join(' ') || 'nothing'}, not ${positionals.join(' ') || 'nothing'}`,
    );
  const socket = values.socket ?? (process.env.PODLANE_SOCKET || '/run/podlane/agent.sock');
  const agent = new AgentClient(String(socket));
  try {
    // A trace that the user stopped has succeeded.
    return (await command.run(invocationOf({ args: positionals, values, agent, signal }))) ?? 0;
  } finally {
    await agent.close();
  }
}

/** Finds the command whose name is a prefix of the arguments. */
const findCommand = (args: readonly string[]): CliCommand | undefined =>
  cliCommands.find(({ name }) => name.split(' ').every((word, index) => args[index] === word));

/**
 * Prints the usage of `podlane`, or of the group of commands that the first words name: `podlane rules`.
 * @returns the exit code: 0 if help was asked for
 */
function printUsage(args: readonly string[]): number {
  const asked = args.findIndex((word) => helpWords.includes(word));
  const words = asked === -1 ? args : args.slice(0, asked);
  const group = findGroup(words);
  const commands = cliCommands.filter(({ name }) =>
    group.every((word, index) => name.split(' ')[index] === word),
  );
  const unknown = words[group.length];
  if (unknown === undefined) process.stdout.write(formatUsage(commands, group));
  else
    process.stderr.write(
      `podlane: no command ${[...group, unknown].join(' ')}\n\n${formatUsage(commands, group)}`,
    );
  return unknown === undefined && asked !== -1 ? 0 : exitCodes.usage;
}

const helpWords: readonly string[] = ['help', '--help', '-h'];

/** Finds the longest start of the words that several commands have in common. */
function findGroup(words: readonly string[]): string[] {
  const group: string[] = [];
  for (const word of words) {
    const longer = `${[...group, word].join(' ')} `;
    if (!cliCommands.some(({ name }) => name.startsWith(longer))) break;
    group.push(word);
  }
  return group;
}

type OptionValues = Record<string, string | boolean | (string | boolean)[] | undefined>;

function invocationOf({
  values,
  ...rest
}: Pick<CommandInvocation, 'args' | 'agent' | 'signal'> & { values: OptionValues }): CommandInvocation {
  const option = (name: string) => (typeof values[name] === 'string' ? values[name] : undefined);
  return {
    ...rest,
    json: values.json === true,
    option,
    options: (name) => [values[name] ?? []].flat().filter((each) => typeof each === 'string'),
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

function refuse(command: CliCommand, why: string): number {
  process.stderr.write(`podlane ${command.name}: ${why}\n\n${formatHelp(command, commonOptions)}`);
  return exitCodes.usage;
}

function problemText({ code, message, hint, errors = [] }: ProblemError): string {
  const lines = errors.map(
    ({ path, message: what, line }) => `  ${line === undefined ? path : `line ${line}`}: ${what}`,
  );
  return [
    `podlane: ${problemDefinitions[code].title} (${code})`,
    `  ${message}`,
    ...lines,
    ...(hint ? [`  ${hint}`] : []),
    '',
  ].join('\n');
}
