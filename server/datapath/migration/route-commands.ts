import type { StepRequest } from '../../../contract/migration.ts';
import { formatRoute } from '../../netlink/iproute2-format.ts';
import type { KernelRoute } from '../../netlink/route-message.ts';
import { replaceRouteCommand } from './shell-commands.ts';

/** Lists one `ip route replace` request per route to move to `device`. */
export const listRouteReplaceCommands = (moved: readonly KernelRoute[], device: string): StepRequest[] =>
  moved.map((route) => ({
    words: `RTM_NEWROUTE replace ${formatRouteWithoutDevice(route)}, device ${device}`,
    command: replaceRouteCommand(route, device),
  }));

/** Formats a route in the syntax of `ip route`, without the `dev` argument. */
const formatRouteWithoutDevice = (route: KernelRoute): string =>
  formatRoute(route, () => '').replace(/ dev (?= |$)/, '');
