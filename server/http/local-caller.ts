import type { IncomingMessage } from 'node:http';
import { Socket } from 'node:net';
import { ProblemError } from '../../contract/problem.ts';
import { type PeerCredentials, readPeerCredentials } from '../kernel/peer-credentials.ts';

/**
 * Returns a check of the process at the other end of the Unix socket, which does not rely on the file's mode alone. Root
 * and the process whose own group the socket belongs to, the gateway, say for whom they call. Somebody who is a member of
 * that group besides is an admin under his user's number. A request without a socket is one that the agent makes itself,
 * for an archive that an admin asked for.
 * @param gid group of the socket; null if only root may use it
 */
export function admitLocalCallers(gid: number | null): (request: IncomingMessage) => void {
  const known = new WeakMap<Socket, PeerCredentials | null>();
  return ({ socket, headers }) => {
    if (!(socket instanceof Socket)) return;
    const caller = known.get(socket) ?? readPeerCredentials(socket);
    known.set(socket, caller);
    if (caller !== null && (caller.uid === 0 || caller.gid === gid)) return;
    if (caller === null || gid === null || !caller.groups.includes(gid))
      throw new ProblemError(
        'forbidden',
        `the agent's socket is for root and its group, not for ${caller === null ? 'an unknown process' : `user ${caller.uid}`}`,
        { hint: 'Use the dashboard, or call as root.' },
      );
    delete headers['x-podlane-role'];
    headers['x-podlane-actor'] = `uid ${caller.uid}`;
  };
}
