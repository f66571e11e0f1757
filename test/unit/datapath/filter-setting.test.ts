import { expect, test } from 'vitest';
import { filterSetting } from '../../../server/datapath/network-state/list-settings.ts';
import { tca } from '../../../server/datapath/network-state/rtnetlink-constants.ts';
import { rtmTypes } from '../../../server/netlink/message-constants.ts';
import { tcmsg } from '../../../server/netlink/netlink-structs.ts';
import { encodeRawAttributes, type RawObject, rawString } from '../../../server/netlink/raw-object.ts';

/** A u32 filter of a root hash table with a policer of the kernel's struct tc_police, <linux/pkt_cls.h>. */
function policedFilter({ index = 1, burst = 9000, uses = 1, age = 0n, policed = true } = {}): RawObject {
  const parameters = Buffer.alloc(56);
  for (const [offset, value] of Object.entries({ 0: index, 4: 2, 12: burst, 48: uses }))
    parameters.writeUInt32LE(value, Number(offset));
  const times = Buffer.alloc(32);
  times.writeBigUInt64LE(age);
  const policer = encodeRawAttributes([
    { type: 1, value: parameters },
    { type: 6, value: times },
  ]);
  const options = encodeRawAttributes(policed ? [{ type: 6, value: policer }] : []);
  const body = Buffer.alloc(tcmsg.bytes);
  body.writeUInt32LE(0x8000_0800, tcmsg.tcm_handle);
  return {
    messageType: rtmTypes.newFilter,
    body,
    attributes: [
      { type: tca.kind, value: rawString('u32') },
      { type: tca.options, value: options },
    ],
  };
}

test('filters with the same policer are equal whatever its number, its age and how many use it', () => {
  expect(filterSetting(policedFilter({ index: 7, uses: 2, age: 500n }))).toEqual(
    filterSetting(policedFilter()),
  );
});

test('a filter whose policer is missing, or has another burst, differs', () => {
  const { key, value } = filterSetting(policedFilter());
  for (const other of [policedFilter({ policed: false }), policedFilter({ burst: 8000 })]) {
    expect(filterSetting(other).key).toBe(key);
    expect(filterSetting(other).value).not.toBe(value);
  }
});
