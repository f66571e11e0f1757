import { TaskScope } from '../../async/task-scope.ts';
import { listAddresses } from '../../netlink/address.ts';
import { watchNetwork } from '../../netlink/monitor.ts';
import { NetlinkSocket } from '../../netlink/socket.ts';

/** Delay in ms after an address change before the addresses are read, because tools change them one at a time. */
const settleMs = 50;

/**
 * Publishes the addresses of the current namespace, without prefix lengths: once now, and again after each change.
 * @param failed receives errors of later reads
 * @returns after the first read, a function that stops watching
 */
export async function watchNodeAddresses(
  publish: (addresses: string[]) => void,
  failed: (error: unknown) => void,
): Promise<() => Promise<void>> {
  const scope = new TaskScope(failed);
  const socket = NetlinkSocket.open();
  const read = async () => {
    const found = await listAddresses(socket);
    publish([...new Set(found.map(({ address }) => address.replace(/\/.*/, '')))]);
  };
  let scheduled = false;
  const watch = watchNetwork(['addresses'], () => {
    if (scheduled) return;
    scheduled = true;
    scope.after(settleMs, () => {
      scheduled = false;
      return read();
    });
  });
  const stop = async () => {
    watch.close();
    await scope.close();
    socket.close();
  };
  try {
    await scope.run(read);
  } catch (error) {
    await stop();
    throw error;
  }
  return stop;
}
