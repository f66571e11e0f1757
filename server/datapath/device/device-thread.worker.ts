import { parentPort } from 'node:worker_threads';
import { InterfaceLookup } from '../../kernel/interface-lookup.ts';
import { NetlinkSocket } from '../../netlink/socket.ts';
import { wrapAsProblemError } from '../wrap-as-problem.ts';
import { createContainerDevice } from './container-device.ts';
import type { DeviceThreadRequest, DeviceThreadResponse } from './device-thread.ts';

// Thread of `DeviceThread`: creates devices one after the other, with sockets that wait. Null ends it.
if (parentPort) {
  const port = parentPort;
  const host = NetlinkSocket.open('route', { blocking: true });
  const interfaces = new InterfaceLookup();
  let last: Promise<void> = Promise.resolve();
  const respond = async ({ id, wanted }: DeviceThreadRequest): Promise<void> => {
    const problem = await createContainerDevice({ host, interfaces }, wanted).then(
      () => null,
      (error: unknown) => wrapAsProblemError(error).toProblem(),
    );
    port.postMessage({ id, problem } satisfies DeviceThreadResponse);
  };
  port.on('message', (request: DeviceThreadRequest | null) => {
    last = last.then(() => {
      if (request !== null) return respond(request);
      host.close();
      interfaces.close();
      port.close();
    });
  });
}
