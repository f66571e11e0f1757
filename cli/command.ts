import type { AgentClient } from './agent-client.ts';

/** An option of a command. One without a name for its value is a flag. */
export interface CommandOption {
  value?: string;
  short?: string;
  summary: string;
}

/** One call of a command, with its arguments. */
export interface CommandInvocation {
  /** Positional arguments, one for each of the command’s parameters. */
  args: readonly string[];
  /** Value of an option; undefined where the option is missing. */
  option(name: string): string | undefined;
  /** Numeric value of an option. @throws ProblemError `bad_request` */
  number(name: string): number | undefined;
  flag(name: string): boolean;
  json: boolean;
  agent: AgentClient;
  /** Aborts when the user interrupts. */
  signal: AbortSignal;
}

/** A command of `podlane`. `run` prints to standard output, and throws ProblemError. */
export interface CliCommand {
  /** Words that select the command: `rules check`. */
  name: string;
  /** Names of the positional arguments, all of them required. */
  parameters: readonly string[];
  summary: string;
  /** Further text that only the command’s own help shows. */
  details?: string;
  options: Readonly<Record<string, CommandOption>>;
  run(invocation: CommandInvocation): Promise<void>;
}

export const printLine = (text: string): void => void process.stdout.write(`${text}\n`);

/** Prints a value: one line of JSON with `--json`, else readable text. */
export function printResult<T>(
  { json }: Pick<CommandInvocation, 'json'>,
  value: T,
  readable: (value: T) => string,
): void {
  printLine(json ? JSON.stringify(value) : readable(value));
}
