import type { BpfMap } from '../../contract/map.ts';
import { userProgramOwner } from './object-owners.ts';

const writable = new Set(['hash', 'lru_hash', 'array', 'lpm_trie']);
/** The maps of our own programs that a person may write to, by the beginnings of their names, with what to know. */
const open: Record<string, string> = {
  slots: 'the agent writes it when the pod of the slot changes, and at its start',
  endpoints: 'the agent writes it when the pod of the address changes, and at its start',
  node_addresses: 'the agent writes it when the node’s addresses change, and at its start',
  pod_of_: 'the agent writes it when the pod changes, and at its start',
  connections: 'a connection that is deleted is judged anew with its next packet',
};
const compiled = /^(draft_)?(prefixes|policies|assignm)|^rows$/;

/**
 * Why entries of a map are not to be edited by hand, or null: ours alone, of a known type, and nothing that programs
 * count in or that was compiled as a whole.
 */
export function notEditableReason(
  map: Pick<BpfMap, 'type' | 'name' | 'owner' | 'perCpu' | 'frozen' | 'flagNames' | 'notListed' | 'btfId'>,
): string | null {
  const { owner } = map;
  if (owner.kind === 'process') return `it is not ours: process ${owner.pid} (${owner.name}) has it`;
  if (owner.kind !== 'ours') return 'it is not ours';
  if (map.frozen || map.name.endsWith('.rodata'))
    return 'it is constant: the verifier took its values for granted when the programs were loaded';
  if (owner.what !== userProgramOwner && compiled.test(map.name))
    return 'it is compiled from the access rules as a whole: change the rules';
  if (map.flagNames.includes('rdonly')) return 'the kernel lets programs alone write to it';
  if (map.flagNames.includes('mmapable'))
    return 'programs and its owner share its memory: a write between theirs would be lost, or undo theirs';
  if (map.perCpu) return 'programs count in it, on each CPU: what is written over would be lost';
  if (map.notListed !== null) return map.notListed;
  if (!writable.has(map.type)) return `a map of type ${map.type} holds no values, but other objects`;
  if (owner.what !== userProgramOwner && noteOf(map.name) === undefined)
    return 'our programs keep their own state in it, which must agree with what they have elsewhere';
  if (map.btfId === null) return 'its types are not known: it was made without BTF';
  return null;
}

const noteOf = (name: string): string | undefined =>
  Object.entries(open).find(([start]) => name.startsWith(start))?.[1];

/** What somebody should know who edits it. */
export function editNote({ name, owner }: Pick<BpfMap, 'name' | 'owner'>): string {
  const sight = 'running programs see it from the next packet on';
  const note = owner.kind === 'ours' && owner.what !== userProgramOwner ? noteOf(name) : undefined;
  return note === undefined ? sight : `${sight}; ${note}`;
}
