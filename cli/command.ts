import type { AgentClient } from './agent-client.ts';
import { escapeControlCharactersInLines } from './escape-control-characters.ts';

/** Command-line option; an option without a value name is a flag. */
export interface CommandOption {
  value?: string;
  short?: string;
  /** True if the option may be given several times. */
  repeatable?: true;
  summary: string;
}

/** Arguments and options of one call of a `podlane` command. */
export interface CommandInvocation {
  /** Positional arguments: one for each parameter of the command, then those of its further parameter. */
  args: readonly string[];
  /** Returns the value of an option, or undefined if the option was not given. */
  option(name: string): string | undefined;
  /** Returns the values of a repeatable option. */
  options(name: string): readonly string[];
  /** Returns the value of an option as a number. @throws ProblemError `bad_request` if the value is not a number */
  number(name: string): number | undefined;
  flag(name: string): boolean;
  json: boolean;
  agent: AgentClient;
  /** Signal that is aborted when the user interrupts the command. */
  signal: AbortSignal;
}

/**
 * Command of `podlane`: `run` prints to standard output, and throws a ProblemError on failure. It may return an exit code
 * other than 0 for a success that scripts tell from others.
 */
export interface CliCommand {
  /** Words that select the command, for example `rules check`. */
  name: string;
  /** Names of the command's required positional arguments. */
  parameters: readonly string[];
  /** Name of further positional arguments, of which any number may be given. */
  furtherParameter?: string;
  summary: string;
  /** Additional text that only the help of this command shows. */
  details?: string;
  options: Readonly<Record<string, CommandOption>>;
  run(invocation: CommandInvocation): Promise<number | undefined> | Promise<void>;
}

/** Prints text with control characters escaped: names in it come from pods and users. */
export const printLine = (text: string): void =>
  void process.stdout.write(`${escapeControlCharactersInLines(text)}\n`);

/** Prints a value as one line of JSON with `--json`, and as readable text otherwise. */
export function printResult<T>(
  { json }: Pick<CommandInvocation, 'json'>,
  value: T,
  readable: (value: T) => string,
): void {
  printLine(json ? JSON.stringify(value) : readable(value));
}
