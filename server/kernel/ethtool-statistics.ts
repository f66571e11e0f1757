import { addressOf, close, errno, errnoName, ioctl, socket } from '../ffi/libc.ts';

/** Constants of <linux/sockios.h> and <linux/ethtool.h>. */
const SIOCETHTOOL = 0x8946;
const ETHTOOL_GDRVINFO = 0x03;
const ETHTOOL_GSTRINGS = 0x1b;
const ETHTOOL_GSTATS = 0x1d;
const ETH_SS_STATS = 1;
const nameBytes = 32;
/** Maximum number of statistics to read from a driver; the driver reports how many it has. */
const maxStatistics = 4096;

/**
 * Reads the statistics that `ethtool -S` prints, by interface of this thread's namespace; null for a driver without any.
 * Layouts: struct ethtool_drvinfo: n_stats 180 of 196 bytes; struct ethtool_gstrings: string_set 4, len 8, data 12;
 * struct ethtool_stats: n_stats 4, data 8. It is synchronous, to be called within `runInNetworkNamespace`.
 */
export function readEthtoolStatistics(
  names: readonly string[],
): Record<string, Record<string, bigint> | null> {
  const fd = socket(2, 0x8_0002, 0); // AF_INET, SOCK_DGRAM | SOCK_CLOEXEC
  if (fd < 0) throw new Error(`open a socket for ethtool: ${errnoName(errno())}`);
  // Larger than reported: queues may be added meanwhile, and the kernel then writes more statistics.
  const strings = Buffer.alloc(12 + maxStatistics * nameBytes);
  const values = Buffer.alloc(8 + maxStatistics * 8);
  try {
    return Object.fromEntries(names.map((name) => [name, statisticsOf(fd, name, strings, values)]));
  } finally {
    close(fd);
  }
}

function statisticsOf(
  fd: number,
  name: string,
  strings: Buffer,
  values: Buffer,
): Record<string, bigint> | null {
  const info = Buffer.alloc(196);
  info.writeUInt32LE(ETHTOOL_GDRVINFO, 0);
  if (!ethtool(fd, name, info)) return null;
  const count = info.readUInt32LE(180);
  if (count === 0 || count > maxStatistics / 2) return null;
  strings.writeUInt32LE(ETHTOOL_GSTRINGS, 0);
  strings.writeUInt32LE(ETH_SS_STATS, 4);
  strings.writeUInt32LE(count, 8);
  values.writeUInt32LE(ETHTOOL_GSTATS, 0);
  values.writeUInt32LE(count, 4);
  if (!ethtool(fd, name, strings) || !ethtool(fd, name, values)) return null;
  return Object.fromEntries(
    Array.from({ length: count }, (_, index) => {
      const from = 12 + index * nameBytes;
      const label = strings.toString('latin1', from, from + nameBytes).replace(/\0.*$/s, '');
      return [label, values.readBigUInt64LE(8 + index * 8)];
    }),
  );
}

/** Calls SIOCETHTOOL with struct ifreq: name 0, data 16 of 40 bytes. @returns false if the driver refuses */
function ethtool(fd: number, name: string, command: Buffer): boolean {
  const request = Buffer.alloc(40);
  request.write(name, 0, 15);
  request.writeBigUInt64LE(addressOf(command), 16);
  return ioctl(fd, SIOCETHTOOL, request) === 0;
}
