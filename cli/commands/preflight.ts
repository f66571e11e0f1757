import {
  type ExplainedReason,
  newPreflightSchema,
  type PodPreflight,
  type Preflight,
  type PreflightFinding,
} from '../../contract/preflight.ts';
import type { PreflightVerdict } from '../../contract/preflight-reasons.ts';
import { ProblemError } from '../../contract/problem.ts';
import { type CliCommand, type CommandInvocation, printResult } from '../command.ts';
import { parseSelector } from '../parse-selector.ts';
import { formatFieldLines, formatTextTable } from '../text-table.ts';

/** Exit codes beside 0: pods are ready only with losses; pods are refused or unknown. */
const exitCodes = { losses: 4, refused: 5 } as const;
/** Number of pods of a reason whose findings are printed. */
const maxPodsOfReason = 10;

export const preflightCommand: CliCommand = {
  name: 'preflight',
  parameters: [],
  furtherParameter: 'POD',
  summary: 'tells whether pods can be on netkit, and if not, every reason with its remedy',
  details: `Looks at the pods that are named, at those with all labels of --selector, or at every pod of the node. Changes nothing.
For one pod it also prints all that was looked at.
Exit codes: 0 every pod is ready or on netkit, 4 some lose something by it, 5 some are refused or not fully known`,
  options: {
    selector: { value: 'LABELS', summary: 'pods that have all of these labels: name=value,name=value' },
    all: { summary: 'every pod of the node, as without pods and --selector' },
  },
  async run(invocation) {
    const { args, agent, signal } = invocation;
    const [only] = args;
    if (only !== undefined && args.length === 1 && !selectsOtherwise(invocation)) {
      const path = `/pods/${encodeURIComponent(only)}/preflight`;
      const found = await agent.request<PodPreflight>('GET', path, { signal });
      printResult(invocation, found, formatPodPreflight);
      return toExitCode([found.verdict]);
    }
    const found = await lookAtAll(invocation);
    printResult(invocation, found, formatPreflight);
    return toExitCode(found.pods.map(({ verdict }) => verdict));
  },
};

const selectsOtherwise = ({ option, flag }: CommandInvocation): boolean =>
  option('selector') !== undefined || flag('all');

/** Asks until every pod was reached: a request looks at pods for some seconds, and uses earlier results again. */
async function lookAtAll(invocation: CommandInvocation): Promise<Preflight> {
  const body = readRequest(invocation);
  const { agent, signal } = invocation;
  let since: string | undefined;
  for (;;) {
    const found = await agent.request<Preflight>('POST', '/preflight', { body: { ...body, since }, signal });
    if (found.remaining === 0) return found;
    since = found.since;
    if (process.stderr.isTTY)
      process.stderr.write(`${found.pods.length - found.remaining} of ${found.pods.length} pods\n`);
  }
}

/** Converts arguments and options to a request. @throws ProblemError `bad_request` */
function readRequest({ args, option, flag }: CommandInvocation) {
  const selector = parseSelector(option('selector'));
  const { data, error } = newPreflightSchema.safeParse({
    pods: args.length === 0 ? undefined : args,
    selector,
    all: flag('all') || (args.length === 0 && selector === undefined) || undefined,
  });
  if (data) return data;
  throw new ProblemError(
    'bad_request',
    error.issues.map(({ path, message }) => [...path, message].join(': ')).join('; '),
    { hint: 'name pods, or give --selector or --all; see podlane preflight --help' },
  );
}

const verdictWords: Record<PreflightVerdict, string> = {
  refused: 'refused',
  unknown: 'unknown',
  ready_with_losses: 'with losses',
  ready: 'ready',
  on_netkit: 'on netkit',
};

function toExitCode(verdicts: readonly PreflightVerdict[]): number {
  if (verdicts.some((verdict) => verdict === 'refused' || verdict === 'unknown')) return exitCodes.refused;
  return verdicts.includes('ready_with_losses') ? exitCodes.losses : 0;
}

const nameOf = ({ namespace, name }: { namespace: string; name: string }): string => `${namespace}.${name}`;

/** A finding and the pod, or the node, that it is about. */
interface NamedFinding extends PreflightFinding {
  of: string;
}

function formatPreflight({ node, counts, pods, reasons }: Preflight): string {
  const findings: NamedFinding[] = [
    ...node.checks.flatMap((check) => check.findings.map((finding) => ({ ...finding, of: 'node' }))),
    ...pods.flatMap(({ pod, findings: own }) => own.map((finding) => ({ ...finding, of: nameOf(pod) }))),
  ];
  return [
    formatFieldLines({
      node: `${node.name}, kernel ${node.kernel}`,
      netkit: node.netkit ? 'works' : 'is missing',
      pods: pods.length === 0 ? 'none' : formatCounts(counts),
    }),
    ...(pods.length === 0
      ? []
      : [
          formatTextTable(
            ['VERDICT', 'POD', 'KIND', 'NOT CHECKED', 'REASONS'],
            pods.map(({ pod, verdict, findings: own }) => [
              verdictWords[verdict],
              nameOf(pod),
              pod.kind,
              own.filter(({ outcome }) => outcome === 'not_checked').length,
              [...new Set(own.map(({ reason }) => reason))].join(' '),
            ]),
          ),
        ]),
    ...formatReasons(reasons, findings),
    formatNeverLooked(node.neverLooked),
  ].join('\n\n');
}

function formatPodPreflight({ pod, verdict, checks, reasons }: PodPreflight): string {
  const findings = checks.flatMap((check) =>
    check.findings.map((finding): NamedFinding => ({ ...finding, of: nameOf(pod) })),
  );
  return [
    formatFieldLines({ pod: nameOf(pod), kind: pod.kind, verdict: verdictWords[verdict] }),
    formatTextTable(
      ['SUBJECT', 'STATE', 'LOOKED AT'],
      checks.map(({ title, state, looked }) => [title, formatState(state), looked]),
    ),
    ...formatReasons(reasons, findings),
  ].join('\n\n');
}

const formatState = (state: string): string => state.replaceAll('_', ' ');

const formatCounts = (counts: Preflight['counts']): string =>
  Object.entries(counts)
    .filter(([, count]) => count > 0)
    .map(([verdict, count]) => `${count} ${verdictWords[verdict as PreflightVerdict]}`)
    .join(', ');

/** Formats each reason once, with what was found of it and its remedy. */
function formatReasons(reasons: readonly ExplainedReason[], findings: readonly NamedFinding[]): string[] {
  if (reasons.length === 0) return ['REASONS\nnone'];
  return reasons.map(({ reason, outcome, title, remedy, command, pods, node }) => {
    const own = findings.filter((finding) => finding.reason === reason);
    const concerned = [
      ...(node ? ['the node'] : []),
      ...(pods > 0 ? [`${pods} ${pods === 1 ? 'pod' : 'pods'}`] : []),
    ];
    return [
      `${formatState(outcome).toUpperCase()} ${reason}: ${title} (${concerned.join(', ')})`,
      ...(remedy === null ? [] : [`  ${remedy}`]),
      ...(command === null ? [] : [`  ${command}`]),
      ...own
        .slice(0, maxPodsOfReason)
        .flatMap((finding) => [
          `  ${finding.of}: ${finding.detail}`,
          ...[finding.remedy, finding.command].filter((text) => text !== null).map((text) => `    ${text}`),
        ]),
      ...(own.length > maxPodsOfReason ? [`  and ${own.length - maxPodsOfReason} more; --json has all`] : []),
    ].join('\n');
  });
}

const formatNeverLooked = (sentences: readonly string[]): string =>
  ['NOT LOOKED AT', ...sentences.map((sentence) => `  ${sentence}`)].join('\n');
