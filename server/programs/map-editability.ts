import type { BpfMap } from '../../contract/bpf-map.ts';
import { userProgramOwner } from './object-owners.ts';

const writable = new Set(['hash', 'lru_hash', 'array', 'lpm_trie']);
/** Notes about the maps of Podlane's programs that users may edit, by prefix of the map's name. */
const editableMaps: Record<string, string> = {
  slots: 'the agent writes it when the pod of the slot changes, and when it starts',
  endpoints: 'the agent writes it when the pod of the address changes, and when it starts',
  node_addresses: 'the agent writes it when the node’s addresses change, and when it starts',
  pod_of_: 'the agent writes it when the pod changes, and when it starts',
  conntrack: 'the next packet of a deleted connection is evaluated by the rules',
};
const compiled = /^(staged_)?(ipcache|pods|policies)|^rule_entries$/;

/**
 * Returns why users may not edit entries of a map; null if they may. Only maps of Podlane are editable, and of those
 * only maps of known types that hold neither counters nor compiled tables.
 */
export function explainNotEditable(
  map: Pick<BpfMap, 'type' | 'name' | 'owner' | 'perCpu' | 'frozen' | 'flagNames' | 'notListed' | 'btfId'>,
): string | null {
  const { owner } = map;
  if (owner.kind === 'process') return `it belongs to process ${owner.pid} (${owner.name}), not to Podlane`;
  if (owner.kind !== 'podlane') return 'it does not belong to Podlane';
  if (map.frozen || map.name.endsWith('.rodata'))
    return 'it is constant: the verifier relied on its values when the programs were loaded';
  if (owner.what !== userProgramOwner && compiled.test(map.name))
    return 'it is compiled from the access rules: change the rules instead';
  if (map.flagNames.includes('rdonly')) return 'only programs may write to it';
  if (map.flagNames.includes('mmapable'))
    return 'programs and its owner write to its memory directly: an edit could be lost, or undo their writes';
  if (map.perCpu) return 'programs count in it on each CPU: an edit would lose counts';
  if (map.notListed !== null) return map.notListed;
  if (!writable.has(map.type)) return `a map of type ${map.type} holds references to objects, not values`;
  if (owner.what !== userProgramOwner && noteOf(map.name) === undefined)
    return 'it holds state of Podlane’s programs that must stay consistent with other maps';
  if (map.btfId === null) return 'its types are unknown: it was created without BTF';
  return null;
}

const noteOf = (name: string): string | undefined =>
  Object.entries(editableMaps).find(([start]) => name.startsWith(start))?.[1];

/** Returns a note that a user should read before editing a BPF map. */
export function findMapEditNote({ name, owner }: Pick<BpfMap, 'name' | 'owner'>): string {
  const effect = 'running programs use the new value from the next packet on';
  const note = owner.kind === 'podlane' && owner.what !== userProgramOwner ? noteOf(name) : undefined;
  return note === undefined ? effect : `${effect}; ${note}`;
}
