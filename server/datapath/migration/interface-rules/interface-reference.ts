import { formatNftScope, type NftRule, type NftScope } from '../../../netlink/nftables.ts';

/**
 * What a migration does about a reference to the pod's interface in a firewall: `none`, since it matches the other
 * interface as well; `twin`: one is added beside it; `replace`: it is replaced by one that excepts the other interface,
 * and back; `impossible`.
 */
export type ReferenceTreatment = 'none' | 'twin' | 'replace' | 'impossible';

/** A rule, set element, chain or flowtable that refers to the pod's interface. */
export interface InterfaceReference {
  /** Place as nft shows it: `rule inet filter forward handle 7`, `element eth0 of set inet filter ports`. */
  place: string;
  by: 'name' | 'index' | 'kind';
  treatment: ReferenceTreatment;
  /** What becomes of it, or why nothing can be done. */
  text: string;
}

export const rulePlace = (rule: NftRule): string =>
  `rule ${formatNftScope(rule)} ${rule.chain} handle ${rule.handle}`;

export const setPlace = (set: NftScope & { name: string }): string =>
  `set ${formatNftScope(set)} ${set.name}`;

export const ownedText = 'the table belongs to another process, and only that can change it';
