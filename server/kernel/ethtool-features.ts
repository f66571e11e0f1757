import { addressOf, close, errno, errnoName, ioctl, socket } from '../ffi/libc.ts';
import { runInNetworkNamespace } from '../netlink/setns.ts';

/** Constants of <linux/sockios.h> and <linux/ethtool.h>. */
const SIOCETHTOOL = 0x8946;
const ETHTOOL_GSTRINGS = 0x1b;
const ETHTOOL_GSSET_INFO = 0x37;
const ETHTOOL_GFEATURES = 0x3a;
const ETHTOOL_SFEATURES = 0x3b;
const ETH_SS_FEATURES = 4;
const nameBytes = 32;
const maxFeatures = 256;

/** Offload of a device as `ethtool -k` shows it. */
export interface OffloadFeature {
  name: string;
  /** True if the device can be set to it. */
  changeable: boolean;
  /** True if it is wanted; it is active if the device's other settings allow it. */
  wanted: boolean;
  active: boolean;
}

/**
 * Reads a device's offloads. Layouts of <linux/ethtool.h>: struct ethtool_sset_info: sset_mask 8, data 16; struct
 * ethtool_gstrings: string_set 4, len 8, data 12; struct ethtool_gfeatures: size 4, then per 32 features available,
 * requested, active, never_changed.
 */
export const readOffloadFeatures = (name: string, namespaceFd?: number): OffloadFeature[] =>
  within(namespaceFd, (fd) => {
    const names = featureNames(fd, name);
    const blocks = Math.ceil(names.length / 32);
    const features = Buffer.alloc(8 + blocks * 16);
    features.writeUInt32LE(ETHTOOL_GFEATURES, 0);
    features.writeUInt32LE(blocks, 4);
    if (!call(fd, name, features)) return [];
    const bit = (index: number, field: number): boolean =>
      ((features.readUInt32LE(8 + (index >> 5) * 16 + field * 4) >>> (index & 31)) & 1) === 1;
    return names.flatMap((each, index) =>
      each === ''
        ? []
        : [{ name: each, changeable: bit(index, 0), wanted: bit(index, 1), active: bit(index, 2) }],
    );
  });

/** Sets offloads by name. @returns false if the device refuses them */
export const writeOffloadFeatures = (
  name: string,
  wanted: ReadonlyMap<string, boolean>,
  namespaceFd?: number,
): boolean =>
  within(namespaceFd, (fd) => {
    const names = featureNames(fd, name);
    const blocks = Math.ceil(names.length / 32);
    // struct ethtool_sfeatures: size 4, then per 32 features valid, requested.
    const request = Buffer.alloc(8 + blocks * 8);
    request.writeUInt32LE(ETHTOOL_SFEATURES, 0);
    request.writeUInt32LE(blocks, 4);
    for (const [index, each] of names.entries()) {
      const value = wanted.get(each);
      if (value === undefined) continue;
      const at = 8 + (index >> 5) * 8;
      const mask = (1 << (index & 31)) >>> 0;
      request.writeUInt32LE((request.readUInt32LE(at) | mask) >>> 0, at);
      if (value) request.writeUInt32LE((request.readUInt32LE(at + 4) | mask) >>> 0, at + 4);
    }
    return call(fd, name, request);
  });

function featureNames(fd: number, name: string): string[] {
  const info = Buffer.alloc(24);
  info.writeUInt32LE(ETHTOOL_GSSET_INFO, 0);
  info.writeBigUInt64LE(1n << BigInt(ETH_SS_FEATURES), 8);
  if (!call(fd, name, info)) return [];
  const count = Math.min(info.readUInt32LE(16), maxFeatures);
  const strings = Buffer.alloc(12 + count * nameBytes);
  strings.writeUInt32LE(ETHTOOL_GSTRINGS, 0);
  strings.writeUInt32LE(ETH_SS_FEATURES, 4);
  strings.writeUInt32LE(count, 8);
  if (!call(fd, name, strings)) return [];
  return Array.from({ length: count }, (_, index) => {
    const from = 12 + index * nameBytes;
    return strings.toString('latin1', from, from + nameBytes).replace(/\0.*$/s, '');
  });
}

function within<T>(namespaceFd: number | undefined, act: (fd: number) => T): T {
  const open = (): T => {
    const fd = socket(2, 0x8_0002, 0); // AF_INET, SOCK_DGRAM | SOCK_CLOEXEC
    if (fd < 0) throw new Error(`open a socket for ethtool: ${errnoName(errno())}`);
    try {
      return act(fd);
    } finally {
      close(fd);
    }
  };
  return namespaceFd === undefined ? open() : runInNetworkNamespace(namespaceFd, open);
}

/** Calls SIOCETHTOOL with struct ifreq: name 0, data 16 of 40 bytes. @returns false if the driver refuses */
function call(fd: number, name: string, command: Buffer): boolean {
  const request = Buffer.alloc(40);
  request.write(name, 0, 15);
  request.writeBigUInt64LE(addressOf(command), 16);
  return ioctl(fd, SIOCETHTOOL, request) >= 0;
}
