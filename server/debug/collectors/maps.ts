import type { BpfMap } from '../../../contract/bpf-map.ts';
import { addCommandOutput, type DebugDumpContext } from '../dump-context.ts';
import { listPinnedMapIds } from '../pinned-maps.ts';
import { addAgentResponse } from './agent.ts';
import { bpfDebugDumpTarget } from './programs.ts';

/** Maximum number of entries per map that the agent's API returns. */
const maxEntries = 500;
/** Maximum size in bytes of maps dumped with bpftool, whose output is many times larger than the map. */
const maxPrintedBytes = 256 << 10;

/** A BPF map in the JSON output of bpftool. */
interface ShownMap {
  id: number;
  type: string;
  name?: string;
  bytes_key: number;
  bytes_value: number;
  max_entries: number;
}

/**
 * Collects all maps of the node by size and users, and the entries of Podlane's maps. Entries of foreign maps may be
 * keys or payload, and are never read.
 */
export async function collectBpfMaps(context: DebugDumpContext): Promise<void> {
  const { agent, pins } = context;
  const shown = await addCommandOutput(context, bpfDebugDumpTarget, 'bpftool/maps.json', 'Maps', [
    'bpftool',
    '-j',
    'map',
    'show',
  ]);
  const ours = new Set(listPinnedMapIds(pins));
  for (const map of shown === null ? [] : shownMaps(shown)) {
    if (!ours.has(map.id) || !isListable(map.type)) continue;
    if (map.max_entries * (map.bytes_key + map.bytes_value * copiesOf(map.type)) > maxPrintedBytes) continue;
    await addCommandOutput(
      context,
      bpfDebugDumpTarget,
      `bpftool/map-${map.id}.json`,
      `Entries of ${map.name ?? 'a map'} (${map.id})`,
      [...(['bpftool', '-j', 'map', 'dump', 'id'] as const), String(map.id)],
    );
  }
  if (agent === null) return;
  const answer = await addAgentResponse(context, '/maps', {
    path: 'bpf/ours/maps.json',
    title: 'Maps, from the agent',
  });
  if (answer === null) return;
  const { items } = JSON.parse(answer.toString('utf8')) as { items: BpfMap[] };
  for (const { id, name, owner, notListed } of items)
    if (owner.kind === 'podlane' && notListed === null)
      await addAgentResponse(context, `/maps/${id}/entries?filled=true&limit=${maxEntries}`, {
        path: `bpf/ours/map-${id}.json`,
        title: `Entries of ${name} (${id}) that are not zero, up to ${maxEntries}`,
      });
}

const isListable = (type: string): boolean =>
  /^(percpu_|lru_|lru_percpu_)?(hash|array)$|^lpm_trie$/.test(type);
const copiesOf = (type: string): number => (type.includes('percpu') ? navigator.hardwareConcurrency : 1);

function shownMaps(shown: Buffer): ShownMap[] {
  try {
    return JSON.parse(shown.toString('utf8')) as ShownMap[];
  } catch {
    return []; // bpftool printed an error, which is recorded
  }
}
