import type { AgentClient } from './agent.ts';

/** An option of a command: what its value is called, none of a flag. */
export interface Option {
  value?: string;
  short?: string;
  text: string;
}

/** What a command was asked. */
export interface Asked {
  /** what stands where `takes` says, in that order */
  args: readonly string[];
  /** Value of an option; undefined when it was not given. */
  option(name: string): string | undefined;
  /** Whole number of an option. @throws ProblemError `bad_request` */
  number(name: string): number | undefined;
  flag(name: string): boolean;
  json: boolean;
  agent: AgentClient;
  /** Aborts when the user interrupts. */
  signal: AbortSignal;
}

/** One thing that `podlane` does. `run` prints to standard output, and throws ProblemError. */
export interface Command {
  /** `rules check` */
  name: string;
  /** names of what follows; in brackets what may be left out */
  takes: readonly string[];
  text: string;
  /** said by its help alone */
  more?: string;
  options: Readonly<Record<string, Option>>;
  run(asked: Asked): Promise<void>;
}

export const say = (text: string): void => void process.stdout.write(`${text}\n`);

/** Prints a value as JSON on one line, or what a person reads. */
export function answer<T>({ json }: Pick<Asked, 'json'>, value: T, readable: (value: T) => string): void {
  say(json ? JSON.stringify(value) : readable(value));
}
