import type { ProgramList } from '../../../contract/program.ts';
import { addCommand, type DumpContext, hostTarget, type NamespaceTarget } from '../dump-context.ts';
import { addAgentResponse } from './agent.ts';

/** Programs whose instructions are told, ours first. */
const maxListed = 128;
export const bpfTarget: NamespaceTarget = { ...hostTarget, folder: 'bpf' };

interface Listed {
  id: number;
  name: string;
  ours: boolean;
}

/** Programs, links and attachments of the node, and the programs' instructions. */
export async function collectPrograms(taking: DumpContext): Promise<void> {
  const { agent, tools, files } = taking;
  const shown = await addCommand(taking, bpfTarget, 'bpftool/programs.json', 'Programs', [
    'bpftool',
    '-j',
    'prog',
    'show',
  ]);
  await addCommand(taking, bpfTarget, 'bpftool/links.json', 'Links', ['bpftool', '-j', 'link', 'show']);
  await addCommand(taking, bpfTarget, 'bpftool/net.json', 'Programs on the host’s devices', [
    'bpftool',
    '-j',
    'net',
    'show',
  ]);
  let listed = shown === null ? [] : listedByBpftool(shown);
  if (agent !== null) {
    const title = 'Programs, by our own reading';
    const answer = await addAgentResponse(taking, '/programs', { path: 'bpf/ours/programs.json', title });
    await addAgentResponse(taking, '/bpf-links', {
      path: 'bpf/ours/links.json',
      title: 'Links, by our own reading',
    });
    if (answer !== null) listed = listedByAgent(answer);
  }
  for (const { id, name, ours } of listed.slice(0, maxListed)) {
    const title = `Instructions of ${name || 'a program without a name'} (${id})`;
    if (tools.bpftool.file !== null)
      await addCommand(taking, bpfTarget, `bpftool/instructions-${id}.txt`, title, [
        ...(['bpftool', 'prog', 'dump', 'xlated', 'id'] as const),
        String(id),
      ]);
    if (agent !== null && (ours || tools.bpftool.file === null))
      await addAgentResponse(taking, `/programs/${id}/instructions`, {
        path: `bpf/ours/instructions-${id}.json`,
        title: `${title}, by our own reading`,
      });
  }
  if (listed.length > maxListed)
    await files.noteMissing(
      { path: 'bpf/bpftool/', title: 'Instructions', command: 'bpftool prog dump xlated' },
      `there are ${listed.length} programs: the instructions of ${maxListed} are here, ours first`,
    );
}

const listedByAgent = (answer: Buffer): Listed[] =>
  (JSON.parse(answer.toString('utf8')) as ProgramList).items.map(({ id, name, owner }) => ({
    id,
    name,
    ours: owner.kind === 'ours',
  }));

function listedByBpftool(shown: Buffer): Listed[] {
  try {
    const programs = JSON.parse(shown.toString('utf8')) as { id: number; name?: string }[];
    return programs.map(({ id, name = '' }) => ({ id, name, ours: false }));
  } catch {
    return []; // it printed an error, which is noted
  }
}
