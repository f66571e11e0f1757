import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import {
  closeSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readlinkSync,
  rmSync,
  statSync,
  writeSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { DeviceKind } from '../../../contract/device.ts';
import type { KernelCapabilityName } from '../../../contract/node.ts';
import type { Pod } from '../../../contract/pod.ts';
import { slotToPrimaryIfindex } from '../../../server/bpf/datapath-structs.ts';
import { createNamedNamespace, deleteNamedNamespace } from '../../../server/kernel/netns.ts';
import { addAddress } from '../../../server/netlink/address.ts';
import { deleteLink, getLink, setLink } from '../../../server/netlink/link.ts';
import { NetlinkSocket } from '../../../server/netlink/socket.ts';
import { FaultInjectedAgent, type NodeObservation, type Outcome } from './agent.ts';
import type { FaultAt } from './fault.ts';
import { type Pinger, startPinger } from './pinger.ts';

export const addresses = { moved: ['10.42.0.2/32', 'fd00::2/128'], still: ['10.42.0.3/32', 'fd00::3/128'] };
export const routes = [{ destination: '10.99.0.0/16' }, { destination: 'fd99::/64' }];
const hostAddresses = ['10.42.0.1/32', 'fd00::1/128'];
/** Small, so that slots are used again. */
export const maxSlots = 8;
const bare = (cidr: string): string => cidr.split('/')[0]!;

export interface FaultFixtureOptions {
  kind: DeviceKind;
  kill: 'process' | 'datapath';
  pingMs: number;
  /** Capabilities to do without although the kernel has them. */
  without?: readonly KernelCapabilityName[];
}

/** Long, for an emulated guest. */
const pingersWithinMs = 20_000;

/**
 * A host with two dual-stack pods, one that migrates and one that stays. Pings run all the time: from the host to the pod
 * by the host's routes, and from pod to pod by redirect. The store is on a small file system of its own.
 */
export class FaultFixture implements AsyncDisposable {
  readonly host: string;
  readonly pins: string;
  readonly socket: NetlinkSocket;
  readonly #id = `podlane-t-${randomBytes(3).toString('hex')}`;
  readonly #folder: string;
  readonly #options: FaultFixtureOptions;
  #agent: FaultInjectedAgent;
  #pingers: Pinger[] = [];
  #totals: NodeObservation['totals'] = new Map();
  pod!: Pod;
  still!: Pod;
  restarts = 0;
  /**
   * True if an agent was killed without its process while this pod was there: what that held open, such as the pod's
   * namespace, stays open.
   */
  podOutlivedKill = false;

  static async open(options: FaultFixtureOptions): Promise<FaultFixture> {
    const fixture = new FaultFixture(options);
    try {
      const loopback = (await getLink(fixture.socket, { name: 'lo' }))!.ifindex;
      await setLink(fixture.socket, loopback, { up: true });
      for (const address of hostAddresses) await addAddress(fixture.socket, loopback, address);
      await fixture.#open();
      fixture.still = await fixture.#attach('still', 'veth');
      await fixture.newPod();
      return fixture;
    } catch (error) {
      await fixture[Symbol.asyncDispose]();
      throw error;
    }
  }

  private constructor(options: FaultFixtureOptions) {
    this.#options = options;
    this.#folder = mkdtempSync(join(tmpdir(), `${this.#id}-`));
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=24m', 'podlane-t', this.#folder]);
    this.pins = `/sys/fs/bpf/${this.#id}`;
    this.host = createNamedNamespace(`${this.#id}-host`);
    this.socket = NetlinkSocket.inNamespace(this.host);
    this.#agent = new FaultInjectedAgent(this.host);
  }

  /** Runs a migration with a fault, and an agent again if that was killed. */
  async migrate(to: DeviceKind, fault: FaultAt | null): Promise<Outcome> {
    const outcome = await this.#agent.migrate(this.pod.id, to, fault, () => this.#strike(fault!));
    if (outcome.how === 'killed' && fault?.fault.type === 'kill') {
      const { process = false, twice } = fault.fault;
      if (twice) await this.#replaceAgent(process, true);
      await this.#replaceAgent(process);
    }
    this.#emptyDisk();
    return outcome;
  }

  observe(migration: string | null): Promise<NodeObservation> {
    return this.#agent.observe(this.pod.id, migration).then((observed) => {
      this.#totals = observed.totals;
      return observed;
    });
  }

  /** A moved pod in place of the one there is, of a new namespace. */
  async newPod(): Promise<void> {
    await this.#stopPinging();
    if (this.pod) {
      await this.#agent.detach(this.pod.id).catch(() => {});
      deleteNamedNamespace(`${this.#id}-moved`);
    }
    this.pod = await this.#attach('moved', this.#options.kind);
    this.podOutlivedKill = false;
    const { pingMs } = this.#options;
    this.#pingers = addresses.moved.flatMap((address, i) => [
      startPinger('host to pod', this.host, bare(address), pingMs),
      startPinger('pod to pod', this.pod.netns.path, bare(addresses.still[i]!), pingMs),
    ]);
    // ping ends where it finds no route when it starts: a fault comes after that.
    await Promise.all(this.#pingers.map((pinger) => pinger.flows(pingersWithinMs)));
  }

  get pingers(): readonly Pinger[] {
    return this.#pingers;
  }

  /**
   * Makes sure that the database's next writes take space, which they do not where its log is overwritten from the
   * start: after 4 MB, and until it is closed in order.
   */
  async shortenLog(): Promise<void> {
    if (statSync(join(this.#folder, 'podlane.db-wal')).size < 2 << 20) return;
    await this.#agent.close();
    await this.#open();
  }

  /** Descriptors that the agent has open, by what they are. */
  descriptors(): Record<string, number> {
    const counts: Record<string, number> = {};
    const folder = `/proc/${this.#agent.pid}/fd`;
    for (const name of readdirSync(folder)) {
      let what: string;
      try {
        what = readlinkSync(join(folder, name)).replace(/:?\[.*|\d+.*/, '');
      } catch {
        continue;
      }
      counts[what] = (counts[what] ?? 0) + 1;
    }
    return counts;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#stopPinging();
    await this.#agent.kill();
    this.socket.close();
    for (const name of ['moved', 'still', 'host']) deleteNamedNamespace(`${this.#id}-${name}`);
    rmSync(this.pins, { recursive: true, force: true });
    execFileSync('umount', ['-l', this.#folder]);
    rmSync(this.#folder, { recursive: true, force: true });
  }

  async #replaceAgent(process: boolean, again = false): Promise<void> {
    this.restarts += 1;
    if (process || this.#options.kill === 'process') {
      await this.#agent.kill();
      this.#agent = new FaultInjectedAgent(this.host);
    } else this.podOutlivedKill = true;
    await this.#open(again);
  }

  async #open(again = false): Promise<void> {
    const database = join(this.#folder, 'podlane.db');
    const { kill, pingMs, without = [] } = this.#options;
    const sampleMs = pingMs / 4;
    const totals = this.#totals;
    const lives = await this.#agent.open({
      database,
      pins: this.pins,
      maxSlots,
      totals,
      kill,
      sampleMs,
      without,
      again,
    });
    if (lives === again) throw new Error(again ? 'the agent was not killed again' : 'the agent ended');
  }

  async #attach(name: 'moved' | 'still', kind: DeviceKind): Promise<Pod> {
    const netns = createNamedNamespace(`${this.#id}-${name}`);
    using socket = NetlinkSocket.inNamespace(netns);
    await setLink(socket, (await getLink(socket, { name: 'lo' }))!.ifindex, { up: true });
    return this.#agent.attach({
      namespace: 'shop',
      name,
      netns,
      addresses: addresses[name],
      kind,
      ...(name === 'moved' ? { routes } : {}),
    });
  }

  /** Does what somebody else does to the pod or the node. */
  async #strike({ fault }: FaultAt): Promise<void> {
    if (fault.type === 'disk-full') return this.#fillDisk();
    if (fault.type === 'kill' || (fault.type === 'event' && fault.event === 'pod-gone')) {
      await this.#stopPinging();
      return deleteNamedNamespace(`${this.#id}-moved`);
    }
    if (fault.type !== 'event') return;
    // The old device is the one the pod was last seen on, and any other is the new one.
    const ours = slotToPrimaryIfindex(this.pod.slot);
    for (let slot = 0; slot < maxSlots; slot++) {
      const ifindex = slotToPrimaryIfindex(slot);
      if (slot === this.still.slot || (ifindex === ours) !== (fault.event === 'old-deleted')) continue;
      if (await getLink(this.socket, { ifindex })) return deleteLink(this.socket, ifindex);
    }
    throw new Error(`there is no device to delete: ${fault.event}`);
  }

  #fillDisk(): void {
    const fd = openSync(join(this.#folder, 'filler'), 'a');
    try {
      for (let bytes = 1 << 20; bytes >= 4096; )
        try {
          writeSync(fd, Buffer.alloc(bytes));
        } catch {
          bytes /= 16;
        }
    } finally {
      closeSync(fd);
    }
  }

  #emptyDisk(): void {
    rmSync(join(this.#folder, 'filler'), { force: true });
  }

  async #stopPinging(): Promise<void> {
    await Promise.all(this.#pingers.map((pinger) => pinger.stop()));
    this.#pingers = [];
  }
}
