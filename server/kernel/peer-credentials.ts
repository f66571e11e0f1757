import type { Socket } from 'node:net';
import { getsockopt } from '../ffi/libc.ts';

// <asm-generic/socket.h>
const SOL_SOCKET = 1;
const SO_PEERCRED = 17;
const SO_PEERGROUPS = 59;
/** Maximum number of supplementary groups that are read; NGROUPS_MAX of <linux/limits.h>. */
const maxGroups = 65_536;

/** The process at the other end of a Unix socket, as it was when it connected (SO_PEERCRED, unix(7)). */
export interface PeerCredentials {
  pid: number;
  uid: number;
  gid: number;
  groups: number[];
}

/** Reads who connected a Unix socket; null for a socket of another family and one that is closed already. */
export function readPeerCredentials(socket: Socket): PeerCredentials | null {
  const { _handle: handle } = socket as Socket & { _handle?: { fd?: number } | null };
  const fd = handle?.fd;
  if (fd === undefined || fd < 0) return null;
  // struct ucred: pid 0, uid 4, gid 8.
  const ucred = readOption(fd, SO_PEERCRED, 12);
  if (ucred === null || ucred.length < 12 || ucred.readInt32LE(0) === 0) return null;
  const groups = readOption(fd, SO_PEERGROUPS, 4 * maxGroups) ?? Buffer.alloc(0);
  return {
    pid: ucred.readInt32LE(0),
    uid: ucred.readUInt32LE(4),
    gid: ucred.readUInt32LE(8),
    groups: Array.from({ length: groups.length / 4 }, (_, i) => groups.readUInt32LE(4 * i)),
  };
}

function readOption(fd: number, option: number, size: number): Buffer | null {
  const value = Buffer.alloc(size);
  const length = Buffer.alloc(4);
  length.writeUInt32LE(size);
  return getsockopt(fd, SOL_SOCKET, option, value, length) === 0
    ? value.subarray(0, length.readUInt32LE())
    : null;
}
