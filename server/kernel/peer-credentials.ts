import type { Socket } from 'node:net';
import { errno, errnoName, getsockopt } from '../ffi/libc.ts';

// <asm-generic/socket.h>
const SOL_SOCKET = 1;
const SO_PEERCRED = 17;
const SO_PEERGROUPS = 59;
/** Number of supplementary groups that are read at first; a buffer that is too small is answered by the right size. */
const usualGroups = 64;

/** User id that a socket has which nobody has connected. */
const noUid = 0xffff_ffff;

/** The process at the other end of a Unix socket, as it was when it connected (SO_PEERCRED, unix(7)). */
export interface PeerCredentials {
  /** 0 for a process that the PID namespace of this one does not have. */
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
  if (ucred === null || ucred.length < 12 || ucred.readUInt32LE(4) === noUid) return null;
  const groups = readOption(fd, SO_PEERGROUPS, 4 * usualGroups) ?? Buffer.alloc(0);
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
  if (getsockopt(fd, SOL_SOCKET, option, value, length) === 0)
    return value.subarray(0, length.readUInt32LE());
  const needed = length.readUInt32LE();
  return errnoName(errno()) === 'ERANGE' && needed > size ? readOption(fd, option, needed) : null;
}
