import { readFileSync } from 'node:fs';
import { close, errno, errnoName, ioctl, socket } from '../ffi/libc.ts';
import { runInNetworkNamespace } from '../netlink/setns.ts';

const SIOCADDMULTI = 0x8931; // <linux/sockios.h>

/**
 * Lists the link-layer multicast addresses that were added to an interface by hand (`ip maddr add`), as hex bytes such
 * as `333300000077`. Those that IPv4 and IPv6 joined are not included: /proc/net/dev_mcast counts them apart.
 */
export const listLinkLayerGroups = (ifindex: number, namespaceFd?: number): string[] =>
  within(namespaceFd, () => {
    // net/core/dev_addr_lists.c: ifindex, name, references, added by hand, address. thread-self, as /proc/net is the process's.
    const text = readFileSync('/proc/thread-self/net/dev_mcast', 'latin1');
    return Array.from(text.matchAll(/^(\d+)\s+\S+\s+\d+\s+(\d+)\s+([0-9a-f]+)$/gm))
      .filter(([, index, byHand]) => Number(index) === ifindex && Number(byHand) > 0)
      .map(([, , , address = '']) => address)
      .sort();
  });

/** Adds a link-layer multicast address to an interface, as `ip maddr add` does. @returns the errno, 0 on success */
export const addLinkLayerGroup = (name: string, address: string, namespaceFd?: number): number =>
  within(namespaceFd, () => {
    const fd = socket(2, 0x8_0002, 0); // AF_INET, SOCK_DGRAM | SOCK_CLOEXEC
    if (fd < 0) throw new Error(`open a socket for multicast addresses: ${errnoName(errno())}`);
    try {
      // struct ifreq: name 0, sockaddr 16 (AF_UNSPEC, then the address) of 40 bytes
      const request = Buffer.alloc(40);
      request.write(name, 0, 15);
      Buffer.from(address, 'hex').copy(request, 18);
      return ioctl(fd, SIOCADDMULTI, request) < 0 ? errno() : 0;
    } finally {
      close(fd);
    }
  });

const within = <T>(namespaceFd: number | undefined, act: () => T): T =>
  namespaceFd === undefined ? act() : runInNetworkNamespace(namespaceFd, act);
