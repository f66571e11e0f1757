import type { BpfMap } from '../../../contract/map.ts';
import { addCommand, type DumpContext } from '../dump-context.ts';
import { pinnedMapIds } from '../pinned-maps.ts';
import { addAgentResponse } from './agent.ts';
import { bpfTarget } from './programs.ts';

/** Entries of one map that our own reading tells. */
const maxEntries = 500;
/** bpftool prints every byte as `"0x00",`, and again by its type: of larger maps only our own reading is there. */
const maxPrintedBytes = 256 << 10;

/** As bpftool tells them. */
interface ShownMap {
  id: number;
  type: string;
  name?: string;
  bytes_key: number;
  bytes_value: number;
  max_entries: number;
}

/**
 * All maps of the node by size and use. Entries of ours alone: what is in others’ maps is theirs, and may be keys or
 * payload.
 */
export async function collectMaps(taking: DumpContext): Promise<void> {
  const { agent, pins } = taking;
  const shown = await addCommand(taking, bpfTarget, 'bpftool/maps.json', 'Maps', [
    'bpftool',
    '-j',
    'map',
    'show',
  ]);
  const ours = new Set(pinnedMapIds(pins));
  for (const map of shown === null ? [] : shownMaps(shown)) {
    if (!ours.has(map.id) || !isListable(map.type)) continue;
    if (map.max_entries * (map.bytes_key + map.bytes_value * copiesOf(map.type)) > maxPrintedBytes) continue;
    await addCommand(
      taking,
      bpfTarget,
      `bpftool/map-${map.id}.json`,
      `Entries of ${map.name ?? 'a map'} (${map.id})`,
      [...(['bpftool', '-j', 'map', 'dump', 'id'] as const), String(map.id)],
    );
  }
  if (agent === null) return;
  const answer = await addAgentResponse(taking, '/maps', {
    path: 'bpf/ours/maps.json',
    title: 'Maps, by our own reading',
  });
  if (answer === null) return;
  const { items } = JSON.parse(answer.toString('utf8')) as { items: BpfMap[] };
  for (const { id, name, owner, notListed } of items)
    if (owner.kind === 'ours' && notListed === null)
      await addAgentResponse(taking, `/maps/${id}/entries?filled=true&limit=${maxEntries}`, {
        path: `bpf/ours/map-${id}.json`,
        title: `Entries of ${name} (${id}) that are not zero, the first ${maxEntries}`,
      });
}

const isListable = (type: string): boolean =>
  /^(percpu_|lru_|lru_percpu_)?(hash|array)$|^lpm_trie$/.test(type);
const copiesOf = (type: string): number => (type.includes('percpu') ? navigator.hardwareConcurrency : 1);

function shownMaps(shown: Buffer): ShownMap[] {
  try {
    return JSON.parse(shown.toString('utf8')) as ShownMap[];
  } catch {
    return []; // it printed an error, which is noted
  }
}
