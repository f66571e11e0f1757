import type { StepRequest } from '../../../contract/migration.ts';
import type { KernelRoute } from '../../netlink/route-message.ts';
import { formatRouteWithoutDevice } from '../device/network-state.ts';
import { replaceRouteCommand } from './shell-commands.ts';

/** Lists one `ip route replace` request per route to move to `device`. */
export const replaceRouteRequests = (moved: readonly KernelRoute[], device: string): StepRequest[] =>
  moved.map((route) => ({
    words: `RTM_NEWROUTE replace ${formatRouteWithoutDevice(route)}, device ${device}`,
    command: replaceRouteCommand(route, device),
  }));
