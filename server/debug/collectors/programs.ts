import type { ProgramList } from '../../../contract/program.ts';
import {
  addCommandOutput,
  type DebugDumpContext,
  type DebugDumpTarget,
  hostDebugDumpTarget,
} from '../dump-context.ts';
import { addAgentResponse } from './agent.ts';

/** Maximum number of programs whose instructions are collected, Podlane's first. */
const maxListed = 128;
export const bpfDebugDumpTarget: DebugDumpTarget = { ...hostDebugDumpTarget, folder: 'bpf' };

interface Listed {
  id: number;
  name: string;
  ours: boolean;
}

/** Collects the node's BPF programs with their links, attachments and instructions. */
export async function collectBpfPrograms(context: DebugDumpContext): Promise<void> {
  const { agent, tools, files } = context;
  const shown = await addCommandOutput(context, bpfDebugDumpTarget, 'bpftool/programs.json', 'Programs', [
    'bpftool',
    '-j',
    'prog',
    'show',
  ]);
  await addCommandOutput(context, bpfDebugDumpTarget, 'bpftool/links.json', 'Links', [
    'bpftool',
    '-j',
    'link',
    'show',
  ]);
  await addCommandOutput(context, bpfDebugDumpTarget, 'bpftool/net.json', 'Programs on the host’s devices', [
    'bpftool',
    '-j',
    'net',
    'show',
  ]);
  let listed = shown === null ? [] : listedByBpftool(shown);
  if (agent !== null) {
    const title = 'Programs, from the agent';
    const answer = await addAgentResponse(context, '/programs', { path: 'bpf/ours/programs.json', title });
    await addAgentResponse(context, '/bpf-links', {
      path: 'bpf/ours/links.json',
      title: 'Links, from the agent',
    });
    if (answer !== null) listed = listedByAgent(answer);
  }
  for (const { id, name, ours } of listed.slice(0, maxListed)) {
    const title = `Instructions of ${name || 'an unnamed program'} (${id})`;
    if (tools.bpftool.file !== null)
      await addCommandOutput(context, bpfDebugDumpTarget, `bpftool/instructions-${id}.txt`, title, [
        ...(['bpftool', 'prog', 'dump', 'xlated', 'id'] as const),
        String(id),
      ]);
    if (agent !== null && (ours || tools.bpftool.file === null))
      await addAgentResponse(context, `/programs/${id}/instructions`, {
        path: `bpf/ours/instructions-${id}.json`,
        title: `${title}, from the agent`,
      });
  }
  if (listed.length > maxListed)
    await files.noteMissing(
      { path: 'bpf/bpftool/', title: 'Instructions', command: 'bpftool prog dump xlated' },
      `limited to ${maxListed} of ${listed.length} programs, Podlane’s first`,
    );
}

const listedByAgent = (answer: Buffer): Listed[] =>
  (JSON.parse(answer.toString('utf8')) as ProgramList).items.map(({ id, name, owner }) => ({
    id,
    name,
    ours: owner.kind === 'podlane',
  }));

function listedByBpftool(shown: Buffer): Listed[] {
  try {
    const programs = JSON.parse(shown.toString('utf8')) as { id: number; name?: string }[];
    return programs.map(({ id, name = '' }) => ({ id, name, ours: false }));
  } catch {
    return []; // bpftool printed an error, which is recorded
  }
}
