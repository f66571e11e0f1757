import type { BpfMap } from '../../contract/map.ts';

const writable = new Set(['hash', 'lru_hash', 'array', 'lpm_trie']);
/** Maps of the datapath that the agent fills by what it knows, by the beginnings of their names. */
const filled: Record<string, string> = {
  slots: 'the agent writes it when the pod of the slot changes, and at its start',
  endpoints: 'the agent writes it when the pod of the address changes, and at its start',
  pod_of: 'the agent writes it when the pod changes, and at its start',
};

/**
 * Why entries of a map are not to be edited by hand, or null: ours alone, of a known type, and nothing that programs
 * count in or that was compiled as a whole.
 */
export function whyNotEditable(
  map: Pick<BpfMap, 'type' | 'name' | 'owner' | 'perCpu' | 'frozen' | 'flagNames' | 'notListed' | 'btfId'>,
): string | null {
  const { owner } = map;
  if (owner.kind === 'process') return `it is not ours: process ${owner.pid} (${owner.name}) has it`;
  if (owner.kind !== 'ours') return 'it is not ours';
  if (map.frozen || map.name.endsWith('.rodata'))
    return 'it is constant: the verifier took its values for granted when the programs were loaded';
  if (map.flagNames.includes('rdonly')) return 'the kernel lets programs alone write to it';
  if (map.flagNames.includes('mmapable'))
    return 'programs count in it while the agent reads it: what is written over would be lost';
  if (map.perCpu) return 'programs count in it, on each CPU: what is written over would be lost';
  if (map.notListed !== null) return map.notListed;
  if (!writable.has(map.type)) return `a map of type ${map.type} holds no values, but other objects`;
  if (/^acl/.test(map.name)) return 'it is compiled from the access rules as a whole: change the rules';
  if (map.btfId === null) return 'its types are not known: it was made without BTF';
  return null;
}

/** What somebody should know who edits it all the same. */
export const editNote = (name: string): string => {
  const why = Object.entries(filled).find(([start]) => name.startsWith(start))?.[1];
  return why === undefined
    ? 'running programs see it from the next packet on'
    : `running programs see it from the next packet on; ${why}`;
};
