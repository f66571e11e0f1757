import { ProblemError } from '../../../../contract/problem.ts';
import { isNetlinkError } from '../../../netlink/netlink-error.ts';
import {
  getNftGeneration,
  listNftChains,
  listNftElements,
  listNftFlowtables,
  listNftRules,
  listNftSets,
  listNftTables,
  type NftChain,
  type NftElement,
  type NftFlowtable,
  type NftRule,
  type NftScope,
  type NftSet,
} from '../../../netlink/nftables.ts';
import { nftChainFlags, nftTableFlags } from '../../../netlink/nftables-constants.ts';
import type { NetlinkSocket } from '../../../netlink/socket.ts';
import { type DeviceCondition, type DeviceLoad, findDeviceConditions } from './device-conditions.ts';
import { isAnonymousSet, type NftSetContent } from './nft-set-content.ts';
import { removeException } from './rewrite-rule.ts';
import { isTwinOf, unmarkException } from './twin-mark.ts';

/** Limits of what is read for one device. */
const maxRules = 131_072;
const maxSets = 4096;
const maxElements = 262_144;
/** Numbers of nft's data types for interface indexes and names, 6 bits a field in a concatenation. */
const deviceTypes: readonly number[] = [20, 41];

/**
 * A rule as it was before an earlier migration changed it, with where it loads the packet's device, and its conditions
 * on that.
 */
export interface AnalyzedRule {
  rule: NftRule;
  loads: DeviceLoad[];
  conditions: DeviceCondition[];
  /** True if the kernel holds the rule with an exception, to be removed. */
  excepted: boolean;
}

/** The nftables objects of a namespace that matter to one device, as they are without that device's twins. */
export interface Ruleset {
  generation: number;
  rules: AnalyzedRule[];
  twinRules: NftRule[];
  twinElements: { set: NftSet; elements: NftElement[] }[];
  chains: NftChain[];
  flowtables: NftFlowtable[];
  /** Sets that rules look devices up in, or whose keys are devices. */
  deviceSets: NftSetContent[];
  isOwned(scope: NftScope): boolean;
  isBindingChain(scope: NftScope, name: string): boolean;
  setNamed(scope: NftScope, name: string): NftSet | undefined;
  contentOf(scope: NftScope, name: string): NftSetContent | undefined;
  /** Reads the elements of further sets, so that `contentOf` has them. */
  load(sets: readonly NftSet[]): Promise<void>;
}

const keyOf = ({ family, table }: NftScope, name = ''): string => `${family}\0${table}\0${name}`;

/** Reads the rule set of the socket's namespace. @throws NetlinkError, ProblemError `too_large` */
export async function readRuleset(socket: NetlinkSocket, device: string): Promise<Ruleset> {
  const generation = await getNftGeneration(socket);
  const tables = await listNftTables(socket);
  const owned = new Set(tables.filter(({ flags }) => flags & nftTableFlags.owner).map((each) => keyOf(each)));
  const chains = await listNftChains(socket);
  const binding = new Set(
    chains.filter(({ flags }) => flags & nftChainFlags.binding).map((chain) => keyOf(chain, chain.name)),
  );
  const sets = new Map((await listNftSets(socket)).map((set) => [keyOf(set, set.name), set]));
  const rules = await listNftRules(socket);
  if (rules.length > maxRules) throw tooLarge('rules', rules.length, maxRules);
  const setNamed = (scope: NftScope, name: string): NftSet | undefined => sets.get(keyOf(scope, name));
  const analyzed = rules
    .filter(({ userdata }) => !isTwinOf(userdata, device))
    .map((rule) => traceRule(withoutException(rule, device), (name) => setNamed(rule, name)));
  const contents = new Map<string, NftSetContent>();
  const twinElements: Ruleset['twinElements'] = [];
  const load = async (wanted: readonly NftSet[]): Promise<void> => {
    for (const set of wanted) {
      const key = keyOf(set, set.name);
      if (contents.has(key)) continue;
      if (contents.size >= maxSets) throw tooLarge('sets', contents.size, maxSets);
      const all = await listNftElements(socket, set);
      if (all.length > maxElements) throw tooLarge(`elements of set ${set.name}`, all.length, maxElements);
      const twins = all.filter(({ userdata }) => isTwinOf(userdata, device));
      if (twins.length > 0) twinElements.push({ set, elements: twins });
      contents.set(key, { set, elements: all.filter((element) => !twins.includes(element)) });
    }
  };
  const lookedUp = analyzed.flatMap(({ rule, conditions }) =>
    conditions.flatMap((condition) =>
      condition.kind === 'lookup' ? (setNamed(rule, condition.set) ?? []) : [],
    ),
  );
  await load([...lookedUp, ...[...sets.values()].filter(hasDeviceKey)]);
  return {
    generation,
    rules: analyzed,
    twinRules: rules.filter(({ userdata }) => isTwinOf(userdata, device)),
    twinElements,
    chains,
    flowtables: await flowtablesOf(socket),
    deviceSets: [...contents.values()],
    isOwned: (scope) => owned.has(keyOf(scope)),
    isBindingChain: (scope, name) => binding.has(keyOf(scope, name)),
    setNamed,
    contentOf: (scope, name) => contents.get(keyOf(scope, name)),
    load,
  };
}

const withoutException = (rule: NftRule, device: string): { rule: NftRule; excepted: boolean } => {
  const unmarked = unmarkException(rule.userdata, device);
  return unmarked
    ? {
        rule: {
          ...rule,
          userdata: unmarked.userdata,
          expressions: removeException(rule.expressions, unmarked.standInDevice),
        },
        excepted: true,
      }
    : { rule, excepted: false };
};

const traceRule = (
  { rule, excepted }: { rule: NftRule; excepted: boolean },
  setNamed: (name: string) => NftSet | undefined,
): AnalyzedRule => {
  const { loads, conditions } = findDeviceConditions(rule.expressions, setNamed);
  return { rule, excepted, loads, conditions };
};

const hasDeviceKey = (set: NftSet): boolean => {
  if (isAnonymousSet(set)) return false;
  for (let type = set.keyType; type > 0; type = type >>> 6)
    if (deviceTypes.includes(type & 0x3f)) return true;
  return false;
};

/** Lists flowtables; none on a kernel that has none. */
async function flowtablesOf(socket: NetlinkSocket): Promise<NftFlowtable[]> {
  try {
    return await listNftFlowtables(socket);
  } catch (error) {
    if (isNetlinkError(error, 'EOPNOTSUPP', 'EINVAL', 'ENOENT')) return [];
    throw error;
  }
}

const tooLarge = (what: string, count: number, most: number): ProblemError =>
  new ProblemError('too_large', `read the nftables rule set: ${count} ${what}, at most ${most} are read`, {
    hint: 'Fewer rules that look up interfaces are needed for a migration of this pod.',
  });
