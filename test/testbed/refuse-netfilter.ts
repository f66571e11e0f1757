import { existsSync } from 'node:fs';
import { constants } from 'node:os';
import { NetlinkError } from '../../server/netlink/netlink-error.ts';
import { nftMessageType } from '../../server/netlink/nftables.ts';
import { nftMessages } from '../../server/netlink/nftables-constants.ts';
import { type NetlinkRequest, NetlinkSocket } from '../../server/netlink/socket.ts';

// Loaded into an agent before its own code: while the file REFUSE_NETFILTER exists, the generation of the node's nftables
// rules cannot be read, as where the kernel has no memory for an answer.
const refused = nftMessageType(nftMessages.getGeneration);
const socket = NetlinkSocket.prototype;
const get = socket.get as (this: NetlinkSocket, request: NetlinkRequest, parse: unknown) => Promise<unknown>;
Object.assign(socket, {
  get(this: NetlinkSocket, request: NetlinkRequest, parse: unknown) {
    if (request.type === refused && existsSync(process.env.REFUSE_NETFILTER ?? ''))
      return Promise.reject(new NetlinkError(request.operation, constants.errno.ENOBUFS));
    return get.call(this, request, parse);
  },
});
