import { deleteNftRule } from '../../../netlink/nftables-changes.ts';
import type { NetlinkRequest, NetlinkSocket } from '../../../netlink/socket.ts';
import { listBoundChainsAndFlowtables } from './bound-chains-and-flowtables.ts';
import { AnonymousSetCopies, anonymousSetsOf } from './copy-sets.ts';
import type { InterfaceNameAndIndex } from './evaluate-conditions.ts';
import { type InterfaceReference, rulePlace } from './interface-reference.ts';
import { buildIndexMove } from './move-index.ts';
import { buildRuleRequests, planRule, setsToCopy } from './plan-rules.ts';
import { buildElementMove, buildElementTwins, deleteElements, planSetElements } from './plan-set-elements.ts';
import { type AnalyzedRule, type Ruleset, readRuleset } from './read-ruleset.ts';
import { writeRule } from './write-rule.ts';

/** Requests for one reference, which the kernel carries out or refuses together. */
interface ReferenceChange {
  reference: InterfaceReference;
  requests: NetlinkRequest[];
  /** Rule that the requests replace, so that nothing else has to restore it. */
  replaces: AnalyzedRule | null;
}

/** A transaction derived from a rule set: first what earlier twins need to go, then a change for each reference. */
export interface TwinPlan {
  generation: number;
  removals: NetlinkRequest[];
  changes: ReferenceChange[];
  /** Rules with an exception of an earlier migration, and the requests that restore each. */
  restored: { analyzed: AnalyzedRule; requests: NetlinkRequest[] }[];
  references: InterfaceReference[];
}

/** Reads the rule set and plans twins for another device, in place of those that an earlier migration left. */
export async function planTwins(
  socket: NetlinkSocket,
  device: InterfaceNameAndIndex,
  standInDevice: InterfaceNameAndIndex,
): Promise<TwinPlan> {
  const ruleset = await readRuleset(socket, device.name);
  const rules = ruleset.rules.flatMap((analyzed) => planRule(ruleset, analyzed, device, standInDevice) ?? []);
  const elements = planSetElements(ruleset, device, standInDevice);
  const changed = rules.filter(({ twins, exceptions }) => twins.length + exceptions.length > 0);
  await ruleset.load(changed.flatMap((plan) => setsToCopy(ruleset, plan)));
  const copies = new AnonymousSetCopies((rule, set) => ruleset.contentOf(rule, set));
  const changes = [
    ...elements
      .filter(({ reference }) => reference.treatment !== 'impossible')
      .map((plan) => ({
        reference: plan.reference,
        requests: buildElementTwins(plan, device, standInDevice),
        replaces: null,
      })),
    ...changed.map((plan) => ({
      reference: plan.reference,
      requests: buildRuleRequests(ruleset, plan, device, standInDevice, copies),
      replaces: plan.exceptions.length > 0 ? plan.analyzed : null,
    })),
  ].filter(({ requests }) => requests.length > 0);
  return {
    ...(await planRemoval(ruleset, copies)),
    changes,
    references: [...rules, ...elements]
      .map(({ reference }) => reference)
      .concat(listBoundChainsAndFlowtables(ruleset, device)),
  };
}

/**
 * Reads the rule set and plans the removal of all twins for a device.
 * @param movedTo device that references by index are rewritten for; null to leave them
 */
export async function planTwinRemoval(
  socket: NetlinkSocket,
  device: InterfaceNameAndIndex,
  movedTo: InterfaceNameAndIndex | null,
): Promise<TwinPlan> {
  const ruleset = await readRuleset(socket, device.name);
  const copies = new AnonymousSetCopies((rule, set) => ruleset.contentOf(rule, set));
  const removal = await planRemoval(ruleset, copies);
  if (movedTo === null) return { ...removal, changes: [], references: [] };
  const byIndex = ruleset.rules.filter(({ conditions }) =>
    conditions.some(({ load }) => load.by === 'index'),
  );
  await ruleset.load(
    byIndex.flatMap(({ rule }) => anonymousSetsOf(rule.expressions, (name) => ruleset.setNamed(rule, name))),
  );
  const reference = (place: string): InterfaceReference => ({
    place,
    by: 'index',
    treatment: 'replace',
    text: `follows to index ${movedTo.ifindex}`,
  });
  const changes: ReferenceChange[] = [
    ...planSetElements(ruleset, device, movedTo)
      .filter((plan) => plan.reference.by === 'index' && plan.reference.treatment === 'replace')
      .map((plan) => ({
        reference: plan.reference,
        requests: buildElementMove(plan, device, movedTo),
        replaces: null,
      })),
    ...byIndex.map((analyzed) => ({
      reference: reference(rulePlace(analyzed.rule)),
      requests: ruleset.isOwned(analyzed.rule)
        ? []
        : buildIndexMove(ruleset, analyzed, device, movedTo, copies),
      replaces: analyzed,
    })),
  ].filter(({ requests }) => requests.length > 0);
  return { ...removal, changes, references: changes.map((each) => each.reference) };
}

async function planRemoval(
  ruleset: Ruleset,
  copies: AnonymousSetCopies,
): Promise<Pick<TwinPlan, 'generation' | 'removals' | 'restored'>> {
  const excepted = ruleset.rules.filter((each) => each.excepted);
  await ruleset.load(
    excepted.flatMap(({ rule }) => anonymousSetsOf(rule.expressions, (name) => ruleset.setNamed(rule, name))),
  );
  return {
    generation: ruleset.generation,
    removals: [
      ...ruleset.twinRules.map(deleteNftRule),
      ...ruleset.twinElements.flatMap(({ set, elements }) => deleteElements({ set }, elements)),
    ],
    restored: excepted.map((analyzed) => ({
      analyzed,
      requests: writeRule(
        analyzed.rule,
        analyzed.rule.expressions,
        copies,
        analyzed.rule.userdata,
        'replace',
      ),
    })),
  };
}

/** Returns a plan's requests in the order of one transaction. */
export const requestsOf = ({ removals, restored, changes }: TwinPlan): NetlinkRequest[] => [
  ...removals,
  ...restored
    .filter(({ analyzed }) => !changes.some(({ replaces }) => replaces === analyzed))
    .flatMap(({ requests }) => requests),
  ...changes.flatMap(({ requests }) => requests),
];
