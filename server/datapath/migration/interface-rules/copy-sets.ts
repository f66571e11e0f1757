import { bigEndian32 } from '../../../netlink/netfilter-message.ts';
import type { NftExpression, NftRule, NftSet } from '../../../netlink/nftables.ts';
import { addNftSet, changeNftElements } from '../../../netlink/nftables-changes.ts';
import { nftElementAttributes } from '../../../netlink/nftables-constants.ts';
import { nftExpressionBytes, nftSetReferences } from '../../../netlink/nftables-expressions.ts';
import { type NestableAttribute, rawAttribute, withRaw } from '../../../netlink/raw-attributes.ts';
import type { NetlinkRequest } from '../../../netlink/socket.ts';
import { isAnonymousSet, type NftSetContent } from './nft-set-content.ts';

/** Attributes of sets and elements that are carried to a copy; the others are the kernel's. */
const setAttributes = new Set([3, 4, 5, 6, 7, 8, 9, 11, 12, 13, 15, 17, 18]);
export const elementAttributes = new Set<number>([
  nftElementAttributes.key,
  nftElementAttributes.data,
  nftElementAttributes.flags,
  nftElementAttributes.timeout,
  nftElementAttributes.userdata,
  nftElementAttributes.expression,
  nftElementAttributes.objectReference,
  nftElementAttributes.keyEnd,
  nftElementAttributes.expressions,
]);

/** Returns the anonymous sets that a rule's expressions use. */
export const anonymousSetsOf = (
  expressions: readonly NftExpression[],
  setNamed: (name: string) => NftSet | undefined,
): NftSet[] =>
  expressions.flatMap((expression) => {
    const name = setName(expression);
    const set = name === null ? undefined : setNamed(name);
    return set && isAnonymousSet(set) ? [set] : [];
  });

function setName(expression: NftExpression): string | null {
  const reference = nftSetReferences[expression.name];
  const bytes = reference && nftExpressionBytes(expression, reference.name);
  return bytes ? bytes.toString('utf8', 0, bytes.length - 1) : null;
}

/** Copies the anonymous sets of rules, since the kernel allows each of them in one rule only. */
export class AnonymousSetCopies {
  #nextId = 1;
  readonly #contentOf: (rule: NftRule, set: string) => NftSetContent | undefined;

  constructor(contentOf: (rule: NftRule, set: string) => NftSetContent | undefined) {
    this.#contentOf = contentOf;
  }

  /**
   * Returns the expressions with copies in place of anonymous sets, and the requests that make the copies.
   * @param change rewrites the attributes of each element that is copied
   */
  copyFor(
    rule: NftRule,
    expressions: readonly NftExpression[],
    change: (set: NftSet, element: readonly NestableAttribute[]) => readonly NestableAttribute[] = (
      _,
      element,
    ) => element,
  ): { expressions: NftExpression[]; requests: NetlinkRequest[] } {
    const requests: NetlinkRequest[] = [];
    const copied = expressions.map((expression) => {
      const name = setName(expression);
      const content = name === null ? undefined : this.#contentOf(rule, name);
      const reference = nftSetReferences[expression.name];
      if (!content || !reference || !isAnonymousSet(content.set) || expression.data === null)
        return expression;
      const { set, elements } = content;
      const id = this.#nextId++;
      const copy = { family: rule.family, table: rule.table, name: set.name.replace(/\d+$/, '%d'), id };
      requests.push(
        addNftSet(
          copy,
          set.attributes.filter(({ type }) => setAttributes.has(type)),
        ),
        ...changeNftElements(
          'add',
          copy,
          elements.map(({ attributes }) =>
            change(
              set,
              attributes.filter(({ type }) => elementAttributes.has(type)),
            ),
          ),
        ),
      );
      const named = withRaw(expression.data, rawAttribute(reference.name, Buffer.from(`${copy.name}\0`)));
      return { name: expression.name, data: withRaw(named, rawAttribute(reference.id, bigEndian32(id))) };
    });
    return { expressions: copied, requests };
  }
}
