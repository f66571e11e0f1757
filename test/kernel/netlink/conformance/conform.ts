import { setTimeout as sleep } from 'node:timers/promises';
import fc from 'fast-check';
import { writeSysctl } from '../../../../server/kernel/sysctl.ts';
import { setLink } from '../../../../server/netlink/link.ts';
import { testNamespace } from '../namespaces.ts';
import { differences, unmet } from './compare.ts';
import { type Device, objectsOf, type World, worlds } from './generate.ts';
import { linesOf, makeByCodec, makeByIp, type Namespaces } from './make.ts';
import { readByCodec, readByIp } from './read.ts';

interface Amount {
  kinds: Device['kind'][];
  /** how often devices are made, and how many at once */
  runs: number;
  devices: number;
  /** Time for one direction, in ms; then the seed is named, and what differs or takes so long. */
  withinMs?: number;
}

const directions = { 'made by us': makeByCodec, 'made by ip': makeByIp } as const;

/**
 * Makes random worlds by our codec and by iproute2, and compares for each what both read with one another and with
 * what was asked for. The seed is random, or that of PODLANE_SEED. Prints one line, `conformance: 520 cases, …`; a case
 * is one device, address, route or neighbor. @throws Error with the smallest world that fast-check finds to differ
 */
export async function conform({ kinds, runs, devices, withinMs = 80_000 }: Amount): Promise<number> {
  const seed = Number(process.env.PODLANE_SEED ?? Math.floor(Math.random() * 0x7fff_ffff));
  const counts: Record<string, number> = {};
  for (const [name, make] of Object.entries(directions)) {
    let cases = 0;
    const property = fc.asyncProperty(worlds(kinds, { minLength: 1, maxLength: devices }), async (world) => {
      await compareMade(world, make);
      cases += objectsOf(world);
    });
    const details = await fc.check(property, {
      seed,
      numRuns: runs,
      interruptAfterTimeLimit: withinMs,
      markInterruptAsFailure: true,
    });
    if (details.failed) throw new Error(explained(name, seed, details));
    counts[name] = cases;
  }
  const total = Object.values(counts).reduce((sum, count) => sum + count, 0);
  const parts = Object.entries(counts).map(([name, count]) => `${count} ${name}`);
  console.log(
    `conformance: ${total} cases (${[...new Set(kinds)].join(' and ')}; ${parts.join(', ')}), seed ${seed}, 0 differences`,
  );
  return total;
}

/** What differed, and the smallest world in which it does, as the lines for `ip -batch` that make it. */
function explained(direction: string, seed: number, details: fc.RunDetails<[World]>): string {
  const [world] = details.counterexample ?? [];
  const reason = details.errorInstance instanceof Error ? details.errorInstance.message : 'took too long';
  return [
    `conformance, ${direction}; PODLANE_SEED=${seed} repeats it; ${details.numShrinks} times made smaller`,
    reason,
    ...(world ? linesOf(world, 'pod').flatMap(([place, lines]) => [`${place}:`, ...lines]) : []),
  ].join('\n');
}

async function compareMade(
  world: World,
  make: (world: World, namespaces: Namespaces) => void | Promise<void>,
): Promise<void> {
  using host = testNamespace();
  using pod = testNamespace();
  for (const { fd, socket } of [host, pod]) {
    for (const which of ['all', 'default']) writeSysctl(`net/ipv6/conf/${which}/accept_dad`, 0, fd);
    // Without a local table, every gateway is a broadcast address to the kernel.
    await setLink(socket, 1, { up: true });
  }
  await make(world, { host, pod });
  let found: string[] = [];
  let same = 0;
  // The kernel notices a carrier, and gives link-local addresses, a little later: both readings must meet at some time.
  for (let tries = 0; tries < 40 && same < 4; tries++) {
    if (tries > 0) await sleep(50);
    const before = found.join();
    const ours = { host: await readByCodec(host), pod: await readByCodec(pod) };
    found = [
      ...differences('host', ours.host, readByIp(host)),
      ...differences('pod', ours.pod, readByIp(pod)),
      ...unmet(world, ours),
    ];
    if (found.length === 0) return;
    same = found.join() === before ? same + 1 : 0;
  }
  throw new Error(`${found.length} differences:\n${found.slice(0, 20).join('\n')}`);
}
