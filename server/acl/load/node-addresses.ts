import { addresses } from '../../netlink/address.ts';
import { watchNetwork } from '../../netlink/monitor.ts';
import { RtnetlinkSocket } from '../../netlink/socket.ts';

/** Time for a tool that changes address by address to be done. */
const settleMs = 50;

/**
 * Tells the addresses of the present namespace, without lengths, once they are read and whenever they change.
 * @returns once they were told; ends it
 */
export async function watchNodeAddresses(
  tell: (addresses: string[]) => void,
  failed: (error: unknown) => void,
): Promise<() => void> {
  const socket = RtnetlinkSocket.open();
  const read = async () => {
    const found = await addresses(socket);
    tell([...new Set(found.map(({ address }) => address.replace(/\/.*/, '')))]);
  };
  let due: NodeJS.Timeout | null = null;
  const watch = watchNetwork(['addresses'], () => {
    due ??= setTimeout(() => {
      due = null;
      read().catch(failed);
    }, settleMs);
  });
  const end = () => {
    watch.close();
    if (due) clearTimeout(due);
    socket.close();
  };
  try {
    await read();
  } catch (error) {
    end();
    throw error;
  }
  return end;
}
