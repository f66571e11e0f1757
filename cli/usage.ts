import type { CliCommand, CommandOption } from './command.ts';

/** Formats how a command is called: `podlane rules check FILE`. */
const formatCall = ({ name, parameters, furtherParameter }: CliCommand): string =>
  [
    'podlane',
    name,
    ...parameters,
    ...(furtherParameter === undefined ? [] : [`[${furtherParameter}…]`]),
  ].join(' ');

const formatCommandList = (commands: readonly CliCommand[]): string =>
  commands
    .map((command) => `  ${formatCall(command).slice('podlane '.length).padEnd(42)}${command.summary}`)
    .join('\n');

/** Formats the usage of `podlane`, or of a group of commands. @param group first words of the group's commands */
export function formatUsage(commands: readonly CliCommand[], group: readonly string[] = []): string {
  const words = ['podlane', ...group].join(' ');
  return `usage: ${words} COMMAND [options]

${formatCommandList(commands)}

Options of each command: ${words} COMMAND --help
Exit codes: 0 done, 1 failed, 2 usage, 3 agent unreachable, 130 interrupted
`;
}

/** Formats the help of a command. @param common options that every command takes */
export function formatHelp(command: CliCommand, common: Readonly<Record<string, CommandOption>>): string {
  const options = Object.entries({ ...command.options, ...common }).map(
    ([name, { value, short, summary }]) => {
      const flag = `${short ? `-${short}, ` : ''}--${name}${value === undefined ? '' : ` ${value}`}`;
      return `  ${flag.padEnd(28)}${summary}`;
    },
  );
  const details = command.details === undefined ? '' : `\n${command.details}`;
  return `usage: ${formatCall(command)} [options]\n\n${command.summary}${details}\n\n${options.join('\n')}\n`;
}
