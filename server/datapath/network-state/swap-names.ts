import { buildAlternativeNamesRequest, buildLinkChangeRequest, getLink } from '../../netlink/link.ts';
import type { NetlinkRequest, NetlinkSocket } from '../../netlink/socket.ts';

/** The interfaces whose names are swapped, and the names. */
export interface NameSwap {
  /** Interface that has the name, and `temporary` afterwards. */
  from: number;
  /** Interface that gets the name. */
  to: number;
  name: string;
  temporary: string;
}

/**
 * Gives an interface's name and alternative names to another one, while both are up, in one send: no interface bears
 * the name for the time of one request. Firewall rules, policy routing rules and sysctls follow the name. Idempotent.
 * @throws NetlinkError EEXIST if somebody else's interface has the name or the temporary one
 */
export async function swapNames(
  socket: NetlinkSocket,
  { from, to, name, temporary }: NameSwap,
): Promise<void> {
  const [old, fresh] = [await getLink(socket, { ifindex: from }), await getLink(socket, { ifindex: to })];
  if (!fresh || fresh.name === name) {
    await moveAlternativeNames(socket, from, to, old?.alternativeNames ?? []);
    return;
  }
  const names = old?.alternativeNames ?? [];
  const requests: NetlinkRequest[] = [
    ...(old && names.length > 0 ? [buildAlternativeNamesRequest('delete', from, names)] : []),
    ...(old && old.name !== temporary ? [buildLinkChangeRequest(from, { name: temporary })] : []),
    buildLinkChangeRequest(to, { name }),
    ...(names.length > 0
      ? [
          buildAlternativeNamesRequest(
            'add',
            to,
            names.filter((each) => each !== name),
          ),
        ]
      : []),
  ];
  const error = (await socket.batch(requests)).find((each) => each !== null);
  if (error) throw error;
}

async function moveAlternativeNames(
  socket: NetlinkSocket,
  from: number,
  to: number,
  names: readonly string[],
): Promise<void> {
  if (names.length === 0) return;
  await socket.batch([
    buildAlternativeNamesRequest('delete', from, names),
    buildAlternativeNamesRequest('add', to, names),
  ]);
}
