import { formatNftScope, type NftScope } from '../../../netlink/nftables.ts';
import type { InterfaceNameAndIndex } from './evaluate-conditions.ts';
import type { InterfaceReference } from './interface-reference.ts';
import type { Ruleset } from './read-ruleset.ts';

/** Lists the chains and flowtables that are bound to a device: they go with it. */
export function listBoundChainsAndFlowtables(
  { chains, flowtables }: Pick<Ruleset, 'chains' | 'flowtables'>,
  { name }: InterfaceNameAndIndex,
): InterfaceReference[] {
  const reference = (
    what: string,
    object: NftScope & { name: string; devices: string[] },
  ): InterfaceReference[] => {
    const exact = object.devices.includes(name);
    const prefix = object.devices.some((each) => each.endsWith('*') && name.startsWith(each.slice(0, -1)));
    if (!exact && !prefix) return [];
    return [
      {
        place: `${what} ${formatNftScope(object)} ${object.name}`,
        by: 'name',
        treatment: 'impossible',
        text: `the ${what} is bound to the device that goes, and has to be added again for the new one`,
      },
    ];
  };
  return [
    ...chains.flatMap((chain) => reference('chain', chain)),
    ...flowtables.flatMap((flowtable) => reference('flowtable', flowtable)),
  ];
}
