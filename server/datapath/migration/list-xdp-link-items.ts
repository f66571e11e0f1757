import type { MigrationItem } from '../../../contract/migration.ts';
import { listBpfObjectIds } from '../../bpf/bpf-object-info.ts';
import { readBpfLinkInfoById } from '../../bpf/link-info.ts';
import { listXdpPrograms } from '../network-state/carry-xdp.ts';
import type { DeviceEndName, DeviceState, EndState } from '../network-state/end-state.ts';
import { deviceEndNames } from './device-ends.ts';
import { createMigrationItem } from './plan-items.ts';

/**
 * Lists the BPF links of XDP programs on the device, as items of the plan: the kernel cannot move a link, so its
 * program is attached without one.
 */
export const listXdpLinkItems = (state: DeviceState): MigrationItem[] =>
  deviceEndNames.flatMap((end) => listXdpLinkItemsOfEnd(end, state[end]));

const listXdpLinkItemsOfEnd = (end: DeviceEndName, state: EndState): MigrationItem[] =>
  listXdpPrograms(state).length === 0
    ? []
    : listBpfObjectIds('link').flatMap((id) => {
        const link = readBpfLinkInfoById(id);
        if (link?.type !== 'xdp' || link.at.kind !== 'device' || link.at.ifindex !== state.ifindex) return [];
        return createMigrationItem(
          end,
          'XDP link',
          String(id),
          `XDP link ${id} with program ${link.programId}`,
          'changed',
          'a veth gets its program without a link: the process that holds the link can no longer replace or detach it',
        );
      });
