import { NetlinkAttributeReader, NetlinkMessageWriter } from './message.ts';

const NLA_F_NESTED = 0x8000;

/** A netlink attribute whose value is kept as bytes, to be written back as it was. */
export interface NestableAttribute {
  type: number;
  /** True if the kernel marked the value as nested attributes (NLA_F_NESTED); older objects are nested without. */
  nested: boolean;
  value: Buffer;
}

/** Copies the attributes of a message or of a nest. @throws MalformedNetlinkMessage */
export function readRawAttributes(attributes: NetlinkAttributeReader): NestableAttribute[] {
  const all: NestableAttribute[] = [];
  while (attributes.next())
    all.push({
      type: attributes.type,
      nested: (attributes.buffer.readUInt16LE(attributes.start - 2) & NLA_F_NESTED) !== 0,
      value: Buffer.from(attributes.bytes()),
    });
  return all;
}

/** Reads the attributes nested in a value. @throws MalformedNetlinkMessage */
export const readNest = (value: Buffer): NestableAttribute[] =>
  readRawAttributes(new NetlinkAttributeReader(value, 0, value.length));

export function writeRawAttributes(
  message: NetlinkMessageWriter,
  attributes: readonly NestableAttribute[],
): void {
  for (const { type, nested, value } of attributes)
    message.attributeBytes(nested ? type | NLA_F_NESTED : type, value);
}

/** Encodes attributes as the value of a nest. */
export function encodeNest(attributes: readonly NestableAttribute[]): Buffer {
  const writer = new NetlinkMessageWriter(256);
  writeRawAttributes(writer, attributes);
  return Buffer.from(writer.buffer.subarray(0, writer.length));
}

export const rawAttribute = (type: number, value: Buffer): NestableAttribute => ({
  type,
  nested: false,
  value,
});

export const rawNest = (type: number, attributes: readonly NestableAttribute[]): NestableAttribute => ({
  type,
  nested: true,
  value: encodeNest(attributes),
});

/** Returns the value of the first attribute of a type, or null. */
export const findRaw = (attributes: readonly NestableAttribute[], type: number): Buffer | null =>
  attributes.find((each) => each.type === type)?.value ?? null;

/** Returns the attributes with one of a type replaced, or added at the end. */
export const withRaw = (
  attributes: readonly NestableAttribute[],
  replacement: NestableAttribute,
): NestableAttribute[] => {
  const known = attributes.some((each) => each.type === replacement.type);
  return known
    ? attributes.map((each) => (each.type === replacement.type ? replacement : each))
    : [...attributes, replacement];
};
