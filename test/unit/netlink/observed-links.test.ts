import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { ifla, iflaInfo } from '../../../server/netlink/link-attributes.ts';
import { parseLinkMessage } from '../../../server/netlink/link-message.ts';
import { parseStatistics } from '../../../server/netlink/link-statistics.ts';
import {
  MalformedNetlinkMessage,
  NetlinkMessageReader,
  NetlinkMessageWriter,
} from '../../../server/netlink/message.ts';
import { rtmTypes } from '../../../server/netlink/message-constants.ts';
import { parseNetworkEvent } from '../../../server/netlink/monitor.ts';
import { parseQueueLease } from '../../../server/netlink/queue-lease.ts';

function message(type: number, write: (writer: NetlinkMessageWriter) => void): NetlinkMessageReader {
  const writer = new NetlinkMessageWriter();
  writer.begin(type, 0, 1);
  write(writer);
  writer.end();
  const reader = new NetlinkMessageReader(Buffer.from(writer.buffer.subarray(0, writer.length)));
  reader.next();
  return reader;
}

/** A link with a kind and attributes of that kind, behind a struct ifinfomsg. */
const link = (kind: string, data: (writer: NetlinkMessageWriter) => void) =>
  parseLinkMessage(
    message(rtmTypes.newLink, (writer) => {
      writer.u32(0).i32(7).u32(0).u32(0);
      const info = writer.openNest(ifla.linkInfo);
      writer.attributeString(iflaInfo.kind, kind);
      const nest = writer.openNest(iflaInfo.data);
      data(writer);
      writer.closeNest(nest);
      writer.closeNest(info);
    }),
  );

test.each([
  ['macvlan', 4, 'bridge'],
  ['macvlan', 16, 'source'],
  ['macvtap', 1, 'private'],
])('%s with mode %i is %s', (kind, mode, expected) => {
  expect(link(kind, (writer) => writer.attributeU32(1, mode)).mode).toBe(expected);
});

test.each([
  ['ipvlan', 1, 'l3'],
  ['ipvtap', 2, 'l3s'],
])('%s with mode %i is %s', (kind, mode, expected) => {
  expect(link(kind, (writer) => writer.attributeU16(1, mode)).mode).toBe(expected);
});

test('a mode that is not known is none, and a veth has none', () => {
  expect(link('macvlan', (writer) => writer.attributeU32(1, 3)).mode).toBeUndefined();
  expect(link('veth', (writer) => writer.attributeU32(1, 4)).mode).toBeUndefined();
});

test('a netkit device says whether it has another end, where the kernel does', () => {
  expect(link('netkit', (writer) => writer.attributeU32(10, 1)).netkit?.pairing).toBe('single');
  expect(link('netkit', (writer) => writer.attributeU32(10, 0)).netkit?.pairing).toBe('pair');
  expect(link('netkit', () => {}).netkit?.pairing).toBeUndefined();
});

test('a link that moved names the namespace that it moved to', () => {
  const event = parseNetworkEvent(
    message(rtmTypes.delLink, (writer) => {
      writer.u32(0).i32(7).u32(0).u32(0);
      writer.attributeI32(ifla.newNamespaceId, 12);
    }),
  );
  expect(event).toMatchObject({ type: 'link', deleted: true, link: { ifindex: 7, movedToNamespaceId: 12 } });
});

test.each([
  [rtmTypes.newNamespaceId, false],
  [rtmTypes.delNamespaceId, true],
])('message %i is an event of a namespace', (type, deleted) => {
  const event = parseNetworkEvent(
    message(type, (writer) => {
      writer.u32(0);
      writer.attributeI32(1, 5);
    }),
    3,
  );
  expect(event).toEqual({ type: 'namespace', deleted, nsid: 3, id: 5 });
});

test('statistics are read by ifindex', () => {
  const counters = Buffer.alloc(64);
  for (const [index, value] of [1n, 2n, 300n, 400n].entries()) counters.writeBigUInt64LE(value, index * 8);
  const reader = message(92, (writer) => {
    writer.u32(0).u32(9).u32(1);
    writer.attributeBytes(1, counters);
  });
  expect(parseStatistics(reader)).toEqual([
    9,
    { receivedPackets: 1, sentPackets: 2, receivedBytes: 300, sentBytes: 400 },
  ]);
});

describe('a queue', () => {
  const queue = (write: (writer: NetlinkMessageWriter) => void) =>
    parseQueueLease(
      message(30, (writer) => {
        writer.u32(0);
        writer.attributeU32(1, 15);
        writer.attributeU32(2, 4);
        writer.attributeU32(3, 0);
        write(writer);
      }),
    );

  test('that is not leased is left out', () => {
    expect(queue(() => {})).toBeNull();
  });

  test('that is leased names the other device and its namespace', () => {
    const found = queue((writer) => {
      const lease = writer.openNest(8);
      writer.attributeU32(1, 2);
      const other = writer.openNest(2);
      writer.attributeU32(1, 1);
      writer.attributeU32(3, 0);
      writer.closeNest(other);
      writer.attributeI32(3, 6);
      writer.closeNest(lease);
    });
    expect(found).toEqual({
      of: { ifindex: 4, queue: 15, type: 'rx', namespaceId: null },
      to: { ifindex: 2, queue: 1, type: 'rx', namespaceId: 6 },
    });
  });
});

test('bytes of any kind are parsed or malformed', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 80 }), (bytes) => {
      for (const parse of [parseStatistics, parseQueueLease])
        try {
          parse(
            message(16, (writer) =>
              writer.bytes(Buffer.concat([Buffer.from(bytes), Buffer.alloc((4 - (bytes.length % 4)) % 4)])),
            ),
          );
        } catch (error) {
          expect(error).toBeInstanceOf(MalformedNetlinkMessage);
        }
    }),
  );
});
