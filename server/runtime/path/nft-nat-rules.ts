import type { NatRule } from '../../../contract/observed-path.ts';
import { formatIpAddressBytes } from '../../netlink/ip-address.ts';
import { netfilterFamilies } from '../../netlink/netfilter-message.ts';
import {
  formatNftScope,
  listNftChains,
  listNftRules,
  type NftChain,
  type NftExpression,
  type NftRule,
} from '../../netlink/nftables.ts';
import { nftChainFlags, nftDataAttributes, nftVerdictAttributes } from '../../netlink/nftables-constants.ts';
import {
  nftCmpAttributes,
  nftCmpOperators,
  nftExpressionBytes,
  nftExpressionInteger,
  nftExpressionValue,
  nftImmediateAttributes,
  nftMetaKeys,
  nftPayloadAttributes,
  nftPayloadBases,
} from '../../netlink/nftables-expressions.ts';
import { findRaw, readNest } from '../../netlink/raw-attributes.ts';
import type { NetlinkSocket } from '../../netlink/socket.ts';
import type { ChainRule, NatTable } from './nat-chains.ts';
import { parseXtMatch, parseXtTarget } from './xt-extensions.ts';

/** Attributes of expressions, <linux/netfilter/nf_tables.h> and nf_tables_compat.h. */
const natAttributes = { type: 1, family: 2, address: 3, port: 5 } as const;
const redirAttributes = { port: 1 } as const;
const bitwiseAttributes = { source: 1, destination: 2, mask: 4 } as const;
const lookupAttributes = { set: 1, destination: 3 } as const;
const extensionAttributes = { name: 1, revision: 2, info: 3 } as const;
const NFT_JUMP = -3;
const NFT_GOTO = -4;
const verdictRegister = 0;
/** Expressions that are no conditions of a rule. */
const harmless: ReadonlySet<string> = new Set(['counter', 'log', 'notrack', 'limit', 'quota']);
const protocols: Readonly<Record<number, string>> = {
  1: 'icmp',
  6: 'tcp',
  17: 'udp',
  58: 'icmpv6',
  132: 'sctp',
};

/** Reads the tables of nftables that translate addresses; iptables-nft's are among them. */
export async function readNftNatTables(
  socket: NetlinkSocket,
): Promise<{ tables: NatTable[]; unread: string[] }> {
  const [chains, rules] = [await listNftChains(socket), await listNftRules(socket)];
  const unread = new Set<string>();
  const scopes = new Set(chains.filter(({ type }) => type === 'nat').map(formatNftScope));
  const tables = [...scopes].map((scope) => {
    const own = chains.filter((chain) => formatNftScope(chain) === scope);
    const byChain = new Map(
      own.map(({ name }) => [
        name,
        rules
          .filter((rule) => rule.chain === name && formatNftScope(rule) === scope)
          .flatMap((rule) => parseNftNatRule(rule, (what) => unread.add(`${scope} ${name}: ${what}`)) ?? []),
      ]),
    );
    return {
      place: `nftables ${scope}`,
      chains: byChain,
      entries: own.filter(isEntry).map(({ name }) => name),
    };
  });
  return { tables, unread: [...unread] };
}

const isEntry = ({ type, flags }: NftChain): boolean => type === 'nat' && (flags & nftChainFlags.base) !== 0;

/** What a register holds that a comparison may follow. */
type Loaded =
  | { what: 'source' | 'destination'; prefix: number }
  | { what: 'port' | 'protocol' | 'input' | 'output' | 'family' | 'other' };

/**
 * Parses a rule as far as it translates or jumps; null for one that does neither.
 * @param unread receives what is not evaluated
 */
function parseNftNatRule(
  { family, expressions }: Pick<NftRule, 'family' | 'expressions'>,
  unread: (what: string) => void,
): ChainRule | null {
  const registers = new Map<number, Loaded>();
  const values = new Map<number, Buffer>();
  const conditions = {
    protocol: null as string | null,
    sources: [] as string[],
    destinations: [] as string[],
    port: null as string | null,
    others: [] as string[],
  };
  let version: 'ipv4' | 'ipv6' = family === netfilterFamilies.ip6 ? 'ipv6' : 'ipv4';
  for (const expression of expressions) {
    const { name } = expression;
    if (name === 'meta' || name === 'payload') {
      const register = nftExpressionInteger(expression, 1);
      if (register !== null) registers.set(register, loadedBy(expression, version));
    } else if (name === 'bitwise') {
      const from = registers.get(nftExpressionInteger(expression, bitwiseAttributes.source) ?? -1);
      const mask = nftExpressionValue(expression, bitwiseAttributes.mask);
      const to = nftExpressionInteger(expression, bitwiseAttributes.destination);
      if (to !== null && from && mask && 'prefix' in from)
        registers.set(to, { ...from, prefix: countOnes(mask) });
      else if (to !== null) registers.set(to, { what: 'other' });
    } else if (name === 'cmp') {
      // In the family inet, a rule says first which version its addresses are of.
      if (comparesVersion6(expression, registers)) version = 'ipv6';
      addComparison(expression, registers, conditions);
    } else if (name === 'lookup') {
      if (nftExpressionInteger(expression, lookupAttributes.destination) === verdictRegister)
        unread('a map of verdicts is not followed');
      conditions.others.push(
        `in set ${textOf(nftExpressionBytes(expression, lookupAttributes.set)) || 'of addresses or ports'}`,
      );
    } else if (name === 'immediate') {
      const jump = jumpOf(expression);
      if (jump !== null) return { conditions, jump };
      const register = nftExpressionInteger(expression, nftImmediateAttributes.destination);
      const value = nftExpressionValue(expression, nftImmediateAttributes.data);
      if (register !== null && value) values.set(register, value);
    } else if (name === 'match') {
      const found = parseXtMatch(
        textOf(nftExpressionBytes(expression, extensionAttributes.name)),
        nftExpressionBytes(expression, extensionAttributes.info) ?? Buffer.alloc(0),
      );
      if (found && 'port' in found) conditions.port = found.port;
      else if (found) conditions.others.push(found.condition);
    } else if (name === 'target') {
      const target = parseXtTarget(
        textOf(nftExpressionBytes(expression, extensionAttributes.name)),
        nftExpressionInteger(expression, extensionAttributes.revision) ?? 0,
        nftExpressionBytes(expression, extensionAttributes.info) ?? Buffer.alloc(0),
        version,
      );
      if (target) return { conditions, ...target };
    } else if (name === 'masq') return { conditions, action: 'masquerade', to: null };
    else if (name === 'redir')
      return {
        conditions,
        action: 'redirect',
        to: { address: null, port: portIn(expression, redirAttributes.port, values) },
      };
    else if (name === 'nat') return { conditions, ...parseNat(expression, values) };
    else if (!harmless.has(name)) conditions.others.push(name === 'fib' ? 'an address of the node' : name);
  }
  return null;
}

function loadedBy(expression: NftExpression, version: 'ipv4' | 'ipv6'): Loaded {
  if (expression.name === 'meta')
    switch (nftExpressionInteger(expression, 2)) {
      case nftMetaKeys.transportProtocol:
        return { what: 'protocol' };
      case nftMetaKeys.networkProtocol:
        return { what: 'family' };
      case nftMetaKeys.inputName:
        return { what: 'input' };
      case nftMetaKeys.outputName:
        return { what: 'output' };
      default:
        return { what: 'other' };
    }
  const base = nftExpressionInteger(expression, nftPayloadAttributes.base);
  const offset = nftExpressionInteger(expression, nftPayloadAttributes.offset);
  const length = nftExpressionInteger(expression, nftPayloadAttributes.length) ?? 0;
  if (base === nftPayloadBases.transport) return { what: offset === 2 && length === 2 ? 'port' : 'other' };
  if (base !== nftPayloadBases.network) return { what: 'other' };
  const at =
    version === 'ipv4'
      ? { source: 12, destination: 16, protocol: 9 }
      : { source: 8, destination: 24, protocol: 6 };
  // Prefixes of whole bytes are compared as that many bytes.
  if (offset === at.source) return { what: 'source', prefix: length * 8 };
  if (offset === at.destination) return { what: 'destination', prefix: length * 8 };
  return { what: offset === at.protocol && length === 1 ? 'protocol' : 'other' };
}

function addComparison(
  expression: NftExpression,
  registers: ReadonlyMap<number, Loaded>,
  conditions: {
    protocol: string | null;
    sources: string[];
    destinations: string[];
    port: string | null;
    others: string[];
  },
): void {
  const loaded = registers.get(nftExpressionInteger(expression, nftCmpAttributes.source) ?? -1);
  const value = nftExpressionValue(expression, nftCmpAttributes.data);
  const isNot = nftExpressionInteger(expression, nftCmpAttributes.operator) === nftCmpOperators.notEqual;
  if (!loaded || !value) return;
  const not = isNot ? 'not ' : '';
  switch (loaded.what) {
    case 'source':
    case 'destination': {
      const list = loaded.what === 'source' ? conditions.sources : conditions.destinations;
      list.push(`${not}${formatPrefix(value, loaded.prefix)}`);
      return;
    }
    case 'port':
      conditions.port = value.length === 2 ? `${not}${value.readUInt16BE(0)}` : null;
      return;
    case 'protocol':
      conditions.protocol = `${not}${protocols[value[0] ?? 0] ?? `protocol ${value[0]}`}`;
      return;
    case 'input':
    case 'output':
      conditions.others.push(`${not}${loaded.what === 'input' ? 'from' : 'to'} ${formatInterface(value)}`);
      return;
    case 'family':
      return;
    default:
      conditions.others.push('a comparison');
  }
}

const comparesVersion6 = (expression: NftExpression, registers: ReadonlyMap<number, Loaded>): boolean =>
  registers.get(nftExpressionInteger(expression, nftCmpAttributes.source) ?? -1)?.what === 'family' &&
  nftExpressionValue(expression, nftCmpAttributes.data)?.[0] === netfilterFamilies.ip6;

/** Formats an address of which only the first bytes are compared. */
function formatPrefix(value: Buffer, prefix: number): string {
  const whole = Buffer.alloc(value.length <= 4 ? 4 : 16);
  value.copy(whole, 0, 0, whole.length);
  const address = formatIpAddressBytes(whole);
  return prefix === whole.length * 8 ? address : `${address}/${prefix}`;
}

/** Formats a name that is compared as a whole, or as far as it goes: `cali` for all that begin with it. */
function formatInterface(value: Buffer): string {
  const end = value.indexOf(0);
  return end < 0 ? `${value.toString('utf8')}*` : value.toString('utf8', 0, end);
}

function parseNat(
  expression: NftExpression,
  values: ReadonlyMap<number, Buffer>,
): { action: NatRule['action']; to: NatRule['to'] } {
  const address = values.get(nftExpressionInteger(expression, natAttributes.address) ?? -1);
  return {
    action: nftExpressionInteger(expression, natAttributes.type) === 1 ? 'dnat' : 'snat',
    to: {
      address:
        address && (address.length === 4 || address.length === 16) ? formatIpAddressBytes(address) : null,
      port: portIn(expression, natAttributes.port, values),
    },
  };
}

function portIn(
  expression: NftExpression,
  attribute: number,
  values: ReadonlyMap<number, Buffer>,
): number | null {
  const value = values.get(nftExpressionInteger(expression, attribute) ?? -1);
  return value && value.length >= 2 ? value.readUInt16BE(0) : null;
}

/** Returns the chain that a verdict jumps or goes to; null for another verdict or none. */
function jumpOf(expression: NftExpression): string | null {
  const data = nftExpressionBytes(expression, nftImmediateAttributes.data);
  const verdict = data && findRaw(readNest(data), nftDataAttributes.verdict);
  if (!verdict) return null;
  const parts = readNest(verdict);
  const code = findRaw(parts, nftVerdictAttributes.code)?.readInt32BE(0);
  return code === NFT_JUMP || code === NFT_GOTO ? textOf(findRaw(parts, nftVerdictAttributes.chain)) : null;
}

const textOf = (value: Buffer | null): string => value?.toString('utf8').replace(/\0.*$/s, '') ?? '';

const countOnes = (mask: Buffer): number =>
  mask.reduce((sum, byte) => sum + byte.toString(2).replaceAll('0', '').length, 0);
