import type { PathTranslator, PodPath } from '../../contract/pod-path.ts';
import { ProblemError } from '../../contract/problem.ts';
import type { PodSettings } from '../../contract/settings.ts';
import { type CliCommand, printResult } from '../command.ts';
import { formatFieldLines } from '../text-table.ts';

/** Settings by the value of `--set`. */
const settings = { on: true, off: false, node: null } as const;

export const redirectCommand: CliCommand = {
  name: 'redirect',
  parameters: ['POD'],
  summary: 'shows or changes whether what a pod sends to pods of the node is redirected',
  details:
    'Without --set, shows it, and what others put on the pod’s device that may translate addresses. What is not redirected goes through the host’s network stack',
  options: { set: { value: 'MODE', summary: 'on, off, or node (as the node’s setting)' } },
  async run(invocation) {
    const [id = ''] = invocation.args;
    const mode = invocation.option('set');
    const path = `/pods/${encodeURIComponent(id)}`;
    if (mode !== undefined) {
      if (!Object.hasOwn(settings, mode))
        throw new ProblemError('bad_request', `--set ${mode}: not on, off or node`);
      const body: PodSettings = { redirect: settings[mode as keyof typeof settings] };
      await invocation.agent.request<PodSettings>('PUT', `${path}/settings`, { body });
    }
    const { redirect, redirectSetting, translators } = await invocation.agent.request<PodPath>(
      'GET',
      `${path}/path`,
    );
    printResult(invocation, { redirect, redirectSetting, translators }, (found) =>
      [
        formatFieldLines({
          redirect: found.redirect ? 'on' : 'off',
          by: found.redirectSetting === 'pod' ? 'the pod’s own setting' : 'the node’s setting',
        }),
        ...found.translators.map(describeTranslator),
      ].join('\n'),
    );
  },
};

const effects = {
  before: 'the redirect sees what it leaves',
  bypassed: 'redirected packets do not pass it',
  passed: 'redirected packets to the pod pass it, too',
} as const;

const describeTranslator = ({ interface: device, hook, what, name, redirected }: PathTranslator): string =>
  `may translate addresses: ${what} ${name} at ${hook} of ${device}; ${effects[redirected]}`;
