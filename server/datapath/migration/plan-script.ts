import type { PlannedStep } from '../../../contract/migration.ts';

/** Pod and target device kind, for the script's heading. */
export interface PlanScriptSubject {
  namespace: string;
  name: string;
  kind: string;
}

/**
 * The commands of a plan as one POSIX shell script that ends in the state the migration ends in. It stops at the first
 * command that fails, without undoing what it did.
 */
export function formatPlanScript(
  { namespace, name, kind }: PlanScriptSubject,
  steps: readonly PlannedStep[],
): string {
  const heading = [
    '#!/bin/sh',
    `# Moves pod ${comment(`${namespace}/${name}`)} to ${kind}.`,
    "# Run it as root in the agent's network namespace, while the agent is stopped: a running agent repairs the pod at",
    '# once. Needs iproute2, bpftool, nsenter, sysctl and podlane. Unlike a migration it keeps no journal, and does not',
    '# undo what it did where a command fails.',
    'set -e',
  ];
  const body = steps.flatMap(({ step, description, requests }, index) => [
    '',
    `# ${index + 1} ${step}: ${comment(description)}`,
    ...requests.map(({ command }) => command),
  ]);
  return `${[...heading, ...body].join('\n')}\n`;
}

/** Replaces line breaks with spaces, because a line break would end a shell comment. */
const comment = (text: string): string => text.replaceAll(/[\r\n]+/g, ' ');
