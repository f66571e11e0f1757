import type { InterfaceNameAndIndex } from './evaluate-conditions.ts';

/**
 * Marks by which a later agent finds what a migration added to a rule set: in the user data of rules and set elements,
 * which is a list of u8 type, u8 length, value (libnftnl's udata). Type 0 is the comment that nft shows.
 */
const commentType = 0;
/** Type of our own for a rule that was replaced, whose comment stays; nft and iptables skip types they do not know. */
const exceptionType = 0xd1;
const maxUserdataBytes = 256;
const twinText = 'podlane: migration twin';

interface Field {
  type: number;
  value: Buffer;
}

function readUserdata(userdata: Buffer): Field[] {
  const fields: Field[] = [];
  for (let at = 0; userdata.length - at >= 2; ) {
    const length = userdata.readUInt8(at + 1);
    fields.push({ type: userdata.readUInt8(at), value: userdata.subarray(at + 2, at + 2 + length) });
    at += 2 + length;
  }
  return fields;
}

const encodeUserdata = (fields: readonly Field[]): Buffer =>
  Buffer.concat(fields.flatMap(({ type, value }) => [Buffer.from([type, value.length]), value]));

const text = (value: Buffer): string => value.toString('utf8').replace(/\0.*$/s, '');

/** User data of a twin: that of the original with another comment. @param of names the original, such as `handle 7` */
export const markTwin = (userdata: Buffer, device: string, of: string): Buffer =>
  encodeUserdata([
    { type: commentType, value: Buffer.from(`${twinText} of ${of} for ${device}\0`) },
    ...readUserdata(userdata).filter(({ type }) => type !== commentType),
  ]);

/** Tests whether user data marks a twin for a device. */
export const isTwinOf = (userdata: Buffer, device: string): boolean =>
  readUserdata(userdata).some(
    ({ type, value }) =>
      type === commentType &&
      text(value).startsWith(`${twinText} of `) &&
      text(value).endsWith(` for ${device}`),
  );

/** Adds to a rule's user data that the rule excepts another device; null if it does not fit into 256 bytes. */
export function markException(
  userdata: Buffer,
  device: string,
  standInDevice: InterfaceNameAndIndex,
): Buffer | null {
  const value = Buffer.from(`${device}\0${standInDevice.name}\0${standInDevice.ifindex}\0`);
  const marked = Buffer.concat([userdata, Buffer.from([exceptionType, value.length]), value]);
  return marked.length <= maxUserdataBytes ? marked : null;
}

/** Returns the user data without the exception for a device, and the device that is excepted; null without one. */
export function unmarkException(
  userdata: Buffer,
  device: string,
): { userdata: Buffer; standInDevice: InterfaceNameAndIndex } | null {
  const fields = readUserdata(userdata);
  const mark = fields.find(({ type, value }) => type === exceptionType && text(value) === device);
  if (!mark) return null;
  const [, name = '', ifindex = ''] = mark.value.toString('utf8').split('\0');
  return {
    userdata: encodeUserdata(fields.filter((field) => field !== mark)),
    standInDevice: { name, ifindex: Number(ifindex) },
  };
}
