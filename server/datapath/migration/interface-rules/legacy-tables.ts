import { listLegacyTables } from '../../../kernel/legacy-iptables.ts';
import type { InterfaceNameAndIndex } from './evaluate-conditions.ts';
import type { InterfaceReference } from './interface-reference.ts';

/**
 * Lists the tables of iptables-legacy with rules that name the interface. They are not in nftables and get no twins.
 */
export const findLegacyTables = (
  namespaceFd: number,
  device: InterfaceNameAndIndex,
  standInDevice: InterfaceNameAndIndex,
): InterfaceReference[] =>
  listLegacyTables(namespaceFd, device.name, standInDevice.name)
    .filter(({ differing }) => differing !== 0)
    .map(({ command, name, differing }) => ({
      place: `table ${name} of ${command}-legacy`,
      by: 'name',
      treatment: 'impossible',
      text:
        differing === null
          ? 'its rules could not be read: those that name the interface do not match the new device until it has the name'
          : `${differing} ${differing === 1 ? 'rule treats' : 'rules treat'} the new device differently until it has the name`,
    }));
