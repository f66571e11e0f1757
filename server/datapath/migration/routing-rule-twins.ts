import type { MigrationItem } from '../../../contract/migration.ts';
import { nlmsgFlags, rtmTypes } from '../../netlink/message-constants.ts';
import { isNetlinkError } from '../../netlink/netlink-error.ts';
import { fib_rule_hdr } from '../../netlink/netlink-structs.ts';
import {
  buildRawRequest,
  dumpRawObjects,
  getRawString,
  getRawU32,
  mapRawAttribute,
  type RawObject,
  rawString,
} from '../../netlink/raw-object.ts';
import type { NetlinkSocket } from '../../netlink/socket.ts';
import { hasKernelCapability } from '../kernel-context.ts';
import type { DeviceEndName } from '../network-state/end-state.ts';
import { formatTemporaryName } from '../slot-allocator.ts';
import { deviceEndNames, getDeviceEnd } from './device-ends.ts';
import { createMigrationItem } from './plan-items.ts';
import type { MigrationStepContext } from './step-definition.ts';

/**
 * Families whose rules are read: IPv4 and IPv6, and multicast routing of both (RTNL_FAMILY_IPMR, RTNL_FAMILY_IP6MR).
 */
const families = [2, 10, 128, 129] as const;
/** Attributes FRA_*, <linux/fib_rules.h>. */
const fra = { inputName: 3, priority: 6, outputName: 17 } as const;
/** Flag FIB_RULE_INVERT; the others are states, <linux/fib_rules.h>. */
const invertFlag = 0x2;

/**
 * Adds beside each rule of policy routing that names an end of the pod's device (`iif`, `oif`) a rule of the same
 * preference and action for the temporary name of the old device. The kernel binds such a rule to the interface that
 * has the name, so that packets on the old device would match none once the names are swapped. Idempotent.
 */
export async function addRoutingRuleTwins(context: MigrationStepContext): Promise<void> {
  if (!hasKernelCapability(context.kernel, 'live-rename')) return;
  const temporary = formatTemporaryName(context.from.slot);
  await removeRoutingRuleTwins(context);
  for (const end of deviceEndNames) {
    const { socket } = getDeviceEnd(context, 'old', end);
    const name = context.recorded.names[end];
    const rules = (await listRulesOf(socket, name)).filter((rule) => !isInverted(rule));
    const requests = rules.map((rule) => {
      const twin = [fra.inputName, fra.outputName].reduce(
        (changed, type) =>
          mapRawAttribute(changed, type, (value) =>
            value.equals(rawString(name)) ? rawString(temporary) : value,
          ),
        withSettableFlags(rule),
      );
      return buildRawRequest('add a rule', rtmTypes.newRule, nlmsgFlags.create | nlmsgFlags.exclusive, twin);
    });
    const refused = (await socket.batch(requests)).find((error) => error !== null);
    if (refused) throw refused;
  }
}

/**
 * Deletes the rules that `addRoutingRuleTwins` added, whoever did: no other rule has the temporary name. Idempotent.
 */
export async function removeRoutingRuleTwins(context: MigrationStepContext): Promise<void> {
  for (const end of deviceEndNames) {
    const { socket } = getDeviceEnd(context, 'old', end);
    const twins = await listRulesOf(socket, formatTemporaryName(context.from.slot));
    await socket.batch(
      twins.map((rule) => buildRawRequest('delete a rule', rtmTypes.delRule, 0, withSettableFlags(rule))),
    );
  }
}

/** Lists the rules of policy routing that a migration cannot make match both devices, as items of the plan. */
export async function listRoutingRuleItems(
  sockets: Record<DeviceEndName, NetlinkSocket>,
  names: Record<DeviceEndName, string>,
  liveRename: boolean,
): Promise<MigrationItem[]> {
  const items: MigrationItem[] = [];
  for (const end of deviceEndNames) {
    const rules = await listRulesOf(sockets[end], names[end]);
    for (const rule of rules.filter((each) => !liveRename || isInverted(each))) {
      const preference = getRawU32(rule, fra.priority) ?? 0;
      const name = `rule ${preference}: ${isInverted(rule) ? 'not ' : ''}${describeNames(rule)}`;
      items.push(
        createMigrationItem(
          end,
          'routing rule',
          `${rule.body[fib_rule_hdr.family]} ${preference} ${rule.body.readUInt32LE(fib_rule_hdr.flags) & invertFlag} ${describeNames(rule)}`,
          name,
          'changed',
          liveRename
            ? 'while both devices exist it takes the old one for another interface'
            : 'this kernel cannot rename an interface that is up, so the rule no longer matches the pod’s',
        ),
      );
    }
  }
  return items;
}

/** Lists the rules with an interface of this name. */
async function listRulesOf(socket: NetlinkSocket, name: string): Promise<RawObject[]> {
  const found: RawObject[] = [];
  for (const family of families) {
    const body = Buffer.alloc(fib_rule_hdr.bytes);
    body[fib_rule_hdr.family] = family;
    const rules = await dumpRawObjects(socket, 'dump rules', rtmTypes.getRule, body).catch(
      emptyWithoutFamily,
    );
    found.push(...rules.filter((rule) => rule.body[fib_rule_hdr.family] === family));
  }
  return found.filter((rule) =>
    [fra.inputName, fra.outputName].some((type) => getRawString(rule, type) === name),
  );
}

/** Answers a kernel without rules of a family with an empty list. */
function emptyWithoutFamily(error: unknown): RawObject[] {
  if (isNetlinkError(error, 'EAFNOSUPPORT', 'EOPNOTSUPP')) return [];
  throw error;
}

const isInverted = ({ body }: RawObject): boolean =>
  (body.readUInt32LE(fib_rule_hdr.flags) & invertFlag) !== 0;

function withSettableFlags(rule: RawObject): RawObject {
  const body = Buffer.from(rule.body);
  body.writeUInt32LE(body.readUInt32LE(fib_rule_hdr.flags) & invertFlag, fib_rule_hdr.flags);
  return { ...rule, body };
}

const describeNames = (rule: RawObject): string =>
  (
    [
      ['iif', fra.inputName],
      ['oif', fra.outputName],
    ] as const
  )
    .flatMap(([word, type]) => {
      const name = getRawString(rule, type);
      return name === null ? [] : [`${word} ${name}`];
    })
    .join(' ');
