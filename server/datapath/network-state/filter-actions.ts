import { getRawNested, getRawString, parseRawAttributes, type RawObject } from '../../netlink/raw-object.ts';
import { tca } from './rtnetlink-constants.ts';

/** Attributes TCA_*_ACT of a filter's options by kind of filter, <linux/pkt_cls.h>. */
const actionAttributes: Readonly<Record<string, number>> = {
  basic: 3,
  bpf: 1,
  cgroup: 1,
  flow: 9,
  flower: 3,
  fw: 4,
  matchall: 2,
  route: 6,
  u32: 7,
};
/** Attribute TCA_ACT_KIND of an action. */
const actKind = 1;

/** Returns the kinds of a filter's actions, such as `nat` or `mirred`, in their order. */
export function listFilterActions(filter: Pick<RawObject, 'attributes'>): string[] {
  const attribute = actionAttributes[getRawString(filter, tca.kind) ?? ''];
  if (attribute === undefined) return [];
  const options = { attributes: getRawNested(filter, tca.options) };
  return getRawNested(options, attribute).flatMap(
    ({ value }) => getRawString({ attributes: parseRawAttributes(value) }, actKind) ?? [],
  );
}
