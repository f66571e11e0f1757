import type { NftElement } from '../../../netlink/nftables.ts';
import { changeNftElements } from '../../../netlink/nftables-changes.ts';
import { nftElementAttributes } from '../../../netlink/nftables-constants.ts';
import {
  findRaw,
  type NestableAttribute,
  rawAttribute,
  readNest,
  withRaw,
} from '../../../netlink/raw-attributes.ts';
import type { NetlinkRequest } from '../../../netlink/socket.ts';
import { elementAttributes } from './copy-sets.ts';
import { type DeviceReferenceKind, deviceBytes } from './device-conditions.ts';
import { encodeInterface, type InterfaceNameAndIndex } from './evaluate-conditions.ts';
import { type InterfaceReference, ownedText, setPlace } from './interface-reference.ts';
import { replaceKeyPart } from './move-index.ts';
import { isAnonymousSet, isExtensibleSet, matchElements, type NftSetContent } from './nft-set-content.ts';
import { subsets } from './plan-rules.ts';
import type { Ruleset } from './read-ruleset.ts';
import { markTwin } from './twin-mark.ts';

/** Place of a device in the keys of a set. */
interface KeyPart {
  by: DeviceReferenceKind;
  /** Offset in the key, in bytes. */
  offset: number;
}

/** A set that names the pod's interface in elements. */
export interface SetElementPlan {
  content: NftSetContent;
  parts: KeyPart[];
  reference: InterfaceReference;
}

/** Finds the named sets with elements for a device, by where rules look the device up in them. */
export function planSetElements(
  ruleset: Ruleset,
  device: InterfaceNameAndIndex,
  standInDevice: InterfaceNameAndIndex,
): SetElementPlan[] {
  return ruleset.deviceSets
    .filter(({ set }) => !isAnonymousSet(set))
    .flatMap((content) => {
      const { set } = content;
      const parts = keyParts(ruleset, content);
      const named = parts.filter(
        ({ by, offset }) => matchElements(content, encodeInterface(by, device), offset).length > 0,
      );
      if (named.length === 0) return [];
      const by = named.some((part) => part.by === 'index') ? 'index' : 'name';
      const place = `element ${by === 'name' ? device.name : device.ifindex} of ${setPlace(set)}`;
      const found = (treatment: InterfaceReference['treatment'], text: string): SetElementPlan[] => [
        { content, parts, reference: { place, by, treatment, text } },
      ];
      // Rules that use a set which cannot be extended get twins of their own.
      if (!isExtensibleSet(content)) return [];
      if (ruleset.isOwned(set)) return found('impossible', ownedText);
      return by === 'name'
        ? found('twin', `gets a twin for ${standInDevice.name} for the time of the switch`)
        : found('replace', 'gets a twin for the time of the switch and follows to the new index');
    });
}

/** Returns where rules look devices up in a set; a set of device names or indexes alone has them at 0 in any case. */
function keyParts(ruleset: Ruleset, { set }: NftSetContent): KeyPart[] {
  const parts = new Map<string, KeyPart>();
  for (const { rule, conditions } of ruleset.rules)
    for (const condition of conditions)
      if (
        condition.kind === 'lookup' &&
        condition.set === set.name &&
        rule.family === set.family &&
        rule.table === set.table
      )
        parts.set(`${condition.load.by} ${condition.offset}`, {
          by: condition.load.by,
          offset: condition.offset,
        });
  if (parts.size === 0)
    for (const by of ['name', 'index'] as const)
      if (set.keyLength === deviceBytes[by]) parts.set(`${by} 0`, { by, offset: 0 });
  return [...parts.values()];
}

/** Builds the requests that add a twin of each element for the stand-in device. */
export function buildElementTwins(
  { content, parts }: SetElementPlan,
  device: InterfaceNameAndIndex,
  standInDevice: InterfaceNameAndIndex,
): NetlinkRequest[] {
  const known = new Set(content.elements.map(({ key }) => key?.toString('hex')));
  const twins = content.elements.flatMap((element) =>
    subsets(parts.filter((part) => holds(element, part, device)))
      .map((chosen) => {
        const carried = element.attributes.filter(({ type }) => elementAttributes.has(type));
        return chosen.reduce(
          (attributes, { by, offset }) =>
            replaceKeyPart(
              attributes,
              offset,
              encodeInterface(by, device),
              encodeInterface(by, standInDevice),
            ),
          withRaw(
            carried,
            rawAttribute(
              nftElementAttributes.userdata,
              markTwin(element.userdata, device.name, 'an element'),
            ),
          ),
        );
      })
      .filter((attributes) => !known.has(keyText(attributes))),
  );
  return changeNftElements('add', content.set, twins);
}

/** Builds the requests that replace a device's index in a set's keys, for good. */
export function buildElementMove(
  { content, parts }: SetElementPlan,
  device: InterfaceNameAndIndex,
  standInDevice: InterfaceNameAndIndex,
): NetlinkRequest[] {
  const byIndex = parts.filter(({ by }) => by === 'index');
  const moved = content.elements.filter((element) => byIndex.some((part) => holds(element, part, device)));
  const carried = moved.map(({ attributes }) => attributes.filter(({ type }) => elementAttributes.has(type)));
  return [
    ...deleteElements(content, moved),
    ...changeNftElements(
      'add',
      content.set,
      carried.map((element) =>
        byIndex.reduce<NestableAttribute[]>(
          (attributes, { offset }) =>
            replaceKeyPart(
              attributes,
              offset,
              encodeInterface('index', device),
              encodeInterface('index', standInDevice),
            ),
          element,
        ),
      ),
    ),
  ];
}

export const deleteElements = (
  { set }: Pick<NftSetContent, 'set'>,
  elements: readonly NftElement[],
): NetlinkRequest[] =>
  changeNftElements(
    'delete',
    set,
    elements.map(({ attributes }) =>
      attributes.filter(
        ({ type }) => type === nftElementAttributes.key || type === nftElementAttributes.keyEnd,
      ),
    ),
  );

const holds = ({ key }: NftElement, { by, offset }: KeyPart, device: InterfaceNameAndIndex): boolean =>
  key?.subarray(offset, offset + deviceBytes[by]).equals(encodeInterface(by, device)) ?? false;

const keyText = (attributes: readonly NestableAttribute[]): string | undefined => {
  const key = findRaw(attributes, nftElementAttributes.key);
  return key ? readNest(key)[0]?.value.toString('hex') : undefined;
};
