import type { NatRule } from '../../../contract/observed-path.ts';
import type { PublishedPort } from '../../../contract/observed-pod.ts';
import { readLegacyTables } from '../../kernel/legacy-iptables.ts';
import { ipAddressToBytes, parseIpPrefix } from '../../netlink/ip-address.ts';
import { getNftGeneration } from '../../netlink/nftables.ts';
import { NetlinkSocket } from '../../netlink/socket.ts';
import { parseLegacyNatTable } from './legacy-nat-rules.ts';
import { listTranslations } from './nat-chains.ts';
import { readNftNatTables } from './nft-nat-rules.ts';

/** Maximum number of rules and ports of one pod that are listed. */
const maxRules = 256;

/** The node's rules that translate addresses. */
export interface NodeTranslations {
  rules: readonly NatRule[];
  unread: readonly string[];
}

/**
 * Reads the rules of the node that translate addresses, of nftables, iptables-nft and iptables-legacy. Those of nftables are
 * read again only after a change.
 */
export class NatRules {
  #generation = -1;
  #nft: NodeTranslations = { rules: [], unread: [] };

  async read(): Promise<NodeTranslations> {
    const [nft, legacy] = [await this.#readNft(), readLegacy()];
    return { rules: [...nft.rules, ...legacy.rules], unread: [...nft.unread, ...legacy.unread] };
  }

  async #readNft(): Promise<NodeTranslations> {
    using socket = NetlinkSocket.open('netfilter');
    let generation: number;
    try {
      generation = await getNftGeneration(socket);
    } catch {
      return { rules: [], unread: [] }; // The kernel has no nf_tables.
    }
    if (generation === this.#generation) return this.#nft;
    const { tables, unread } = await readNftNatTables(socket);
    const found = tables.map(listTranslations);
    this.#nft = {
      rules: found.flatMap(({ rules }) => rules),
      unread: found.every(({ complete }) => complete) ? unread : [...unread, 'nftables: too many rules'],
    };
    this.#generation = generation;
    return this.#nft;
  }
}

function readLegacy(): NodeTranslations {
  const tables = readLegacyTables('nat');
  const found = tables.flatMap((table) =>
    table === null ? [] : listTranslations(parseLegacyNatTable(table)),
  );
  return {
    rules: found.flatMap(({ rules }) => rules),
    unread: tables.includes(null) ? ['iptables-legacy: the table nat could not be read'] : [],
  };
}

/**
 * Selects the rules for a pod: those that lead to one of its addresses, and those that change the source of what it sends.
 * @param addresses CIDRs of the pod
 */
export function selectPodTranslations(
  { rules, unread }: NodeTranslations,
  addresses: readonly string[],
): { published: PublishedPort[]; rules: NatRule[]; unread: string[] } {
  const own = addresses.map((cidr) => cidr.split('/', 1).join(''));
  const selected = rules.filter((rule) =>
    rule.action === 'dnat'
      ? rule.to !== null && rule.to.address !== null && own.includes(rule.to.address)
      : rule.action !== 'redirect' && own.some((address) => mayComeFrom(rule.source, address)),
  );
  const published = new Map<string, PublishedPort>();
  for (const { action, protocol, port, destination, to } of selected) {
    const hostPort = port !== null && /^\d+$/.test(port) ? Number(port) : null;
    if (action !== 'dnat' || to === null || hostPort === null) continue;
    const found = {
      protocol: protocol ?? 'tcp',
      hostAddress: findSingleAddress(destination),
      hostPort,
      podAddress: to.address,
      podPort: to.port ?? hostPort,
    };
    published.set(JSON.stringify(found), found);
  }
  return {
    published: [...published.values()].slice(0, maxRules),
    rules: selected.slice(0, maxRules),
    unread: [...unread],
  };
}

/** Finds the address among conditions for a destination that only packets to one address fulfil; null if there is none. */
const findSingleAddress = (destination: string | null): string | null =>
  destination?.split(' and ').find((part) => /^[0-9a-f:.]+$/i.test(part)) ?? null;

/** Tells whether packets from an address may have what a rule demands of their source: several prefixes, or not them. */
export function mayComeFrom(source: string | null, address: string): boolean {
  if (source === null) return true;
  return source.split(' and ').every((part) => {
    const isNot = part.startsWith('not ');
    return isWithin(isNot ? part.slice(4) : part, address) !== isNot;
  });
}

/** Tells whether an address is within a prefix; false for another version of IP. */
export function isWithin(prefix: string, address: string): boolean {
  let parsed: ReturnType<typeof parseIpPrefix>;
  try {
    parsed = parseIpPrefix(prefix);
  } catch {
    return false;
  }
  const [network, tested] = [ipAddressToBytes(parsed.address), ipAddressToBytes(address)];
  if (network.length !== tested.length) return false;
  for (let bit = 0; bit < parsed.length; bit += 8) {
    const mask = 0xff & (0xff00 >> Math.min(8, parsed.length - bit));
    if (((network[bit / 8] ?? 0) & mask) !== ((tested[bit / 8] ?? 0) & mask)) return false;
  }
  return true;
}
