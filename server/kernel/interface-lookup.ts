import { recordOpenedDescriptor } from '../ffi/descriptor-tracking.ts';
import { close, errno, errnoName, ioctl, socket } from '../ffi/libc.ts';

const AF_UNIX = 1;
const SOCK_DGRAM_CLOEXEC = 0x8_0002;
/** Requests of netdevice(7), <linux/sockios.h>, and the fields of struct ifreq. */
const SIOCGIFNAME = 0x8910;
const SIOCGIFFLAGS = 0x8913;
const SIOCGIFINDEX = 0x8933;
const ifreq = { bytes: 40, name: 0, index: 16, flags: 16 } as const;
const IFF_RUNNING = 0x40;

/**
 * Looks interfaces of one namespace up by name or index. Unlike a request of rtnetlink it does not wait for RTNL, which
 * others hold for up to 100 ms when they attach programs or delete devices.
 */
export class InterfaceLookup implements Disposable {
  readonly #fd: number;

  /** Opens a lookup in the current network namespace. */
  constructor() {
    this.#fd = socket(AF_UNIX, SOCK_DGRAM_CLOEXEC, 0);
    if (this.#fd < 0) throw new Error(`open a socket to look up interfaces: ${errnoName(errno())}`);
    recordOpenedDescriptor(this.#fd, 'socket to look up interfaces');
  }

  /** True if there is an interface with this index. One that is being deleted is gone from here on. */
  hasIndex(ifindex: number): boolean {
    const request = Buffer.alloc(ifreq.bytes);
    request.writeInt32LE(ifindex, ifreq.index);
    return this.#ask(SIOCGIFNAME, request);
  }

  /** True if there is an interface of this name. */
  hasName(name: string): boolean {
    const request = Buffer.alloc(ifreq.bytes);
    request.write(name.slice(0, 15), ifreq.name);
    return this.#ask(SIOCGIFINDEX, request);
  }

  /** True if an interface is up and its carrier was noticed (IFF_RUNNING). */
  isRunning(ifindex: number): boolean {
    const request = Buffer.alloc(ifreq.bytes);
    request.writeInt32LE(ifindex, ifreq.index);
    // The name, which the kernel fills in, is what the other request asks by.
    if (!this.#ask(SIOCGIFNAME, request) || !this.#ask(SIOCGIFFLAGS, request)) return false;
    return (request.readUInt16LE(ifreq.flags) & IFF_RUNNING) !== 0;
  }

  close(): void {
    close(this.#fd);
  }

  [Symbol.dispose](): void {
    this.close();
  }

  #ask(request: number, argument: Buffer): boolean {
    if (ioctl(this.#fd, request, argument) === 0) return true;
    const failed = errnoName(errno());
    if (failed === 'ENODEV') return false;
    throw new Error(`look up an interface: ${failed}`);
  }
}
