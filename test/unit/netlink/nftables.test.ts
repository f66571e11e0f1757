import { constants } from 'node:os';
import { describe, expect, test } from 'vitest';
import { NetlinkMessageReader, NetlinkMessageWriter } from '../../../server/netlink/message.ts';
import {
  checkNetfilterChanges,
  commitNetfilterChanges,
  encodeNfgenmsg,
  netfilterSubsystems,
} from '../../../server/netlink/netfilter-message.ts';
import { parseNftChain, parseNftRule } from '../../../server/netlink/nftables.ts';
import {
  addNftRule,
  changeNftElements,
  encodeNftExpressions,
  nftString,
} from '../../../server/netlink/nftables-changes.ts';
import { nftChainAttributes, nftHookAttributes } from '../../../server/netlink/nftables-constants.ts';
import {
  cmpExpression,
  metaExpression,
  queueExpression,
  queueTargetExpression,
} from '../../../server/netlink/nftables-expressions.ts';
import {
  rawAttribute,
  rawNest,
  readNest,
  writeRawAttributes,
} from '../../../server/netlink/raw-attributes.ts';
import { type NetlinkRequest, NetlinkSocket } from '../../../server/netlink/socket.ts';
import { acknowledgement, datagram, type FakeReply, type FakeRequest, fakeKernel } from './fake-kernel.ts';

const ERESTART = 85;
const { ENOENT } = constants.errno;
const subsystem = netfilterSubsystems.nftables;

const rule = {
  family: 1,
  table: 'filter',
  chain: 'input',
  expressions: [
    metaExpression(6, 1),
    cmpExpression(1, 'equal', Buffer.from('eth0\0')),
    { name: 'notrack', data: null },
  ],
  userdata: Buffer.from([0, 2, 0x61, 0]),
  compat: null,
};

const encoded = (request: NetlinkRequest): NetlinkMessageReader => {
  const writer = new NetlinkMessageWriter();
  writer.begin(request.type, request.flags ?? 0, 1);
  request.encode(writer);
  writer.end();
  const message = new NetlinkMessageReader(writer.buffer, writer.length);
  message.next();
  return message;
};

describe('a transaction', () => {
  const changes = [addNftRule(rule, 7n), addNftRule({ ...rule, chain: 'output' }, null)];
  const kernel = (reply: (requests: FakeRequest[]) => FakeReply[]) => {
    const fake = fakeKernel(reply);
    return { fake, socket: new NetlinkSocket(fake.transport) };
  };

  test('is one datagram from begin to end, whose last change is acknowledged', async () => {
    const { fake, socket } = kernel((requests) => [datagram(requests[2]!.sequence, acknowledgement(0))]);
    await commitNetfilterChanges(socket, { subsystem, changes, generation: 0x01020304 });
    expect(fake.sends).toHaveLength(1);
    expect(fake.sends[0]!.map(({ type, flags }) => [type, flags & 5])).toEqual([
      [16, 1],
      [0xa06, 1],
      [0xa06, 5],
      [17, 1],
    ]);
    expect(fake.sends[0]![0]!.body.toString('hex')).toBe('0000000a0800010001020304');
  });

  test('that is only checked has no end', async () => {
    const { fake, socket } = kernel((requests) => [datagram(requests[2]!.sequence, acknowledgement(0))]);
    await checkNetfilterChanges(socket, { subsystem, changes });
    expect(fake.sends[0]!.map(({ type }) => type)).toEqual([16, 0xa06, 0xa06]);
  });

  test.each([
    [0, ERESTART, 'add a rule to inet filter input after handle 7 and 1 more'],
    [1, ENOENT, 'add a rule to inet filter input after handle 7'],
    [2, ENOENT, 'add a rule to inet filter output'],
  ])('that fails at message %i reports that one', async (failed, errno, operation) => {
    const { socket } = kernel((requests) => [
      datagram(requests[failed]!.sequence, acknowledgement(errno)),
      datagram(requests[2]!.sequence, acknowledgement(0)),
    ]);
    await expect(commitNetfilterChanges(socket, { subsystem, changes })).rejects.toMatchObject({
      errno,
      operation,
    });
  });

  test('of more than 2 MiB is not sent', async () => {
    const { fake, socket } = kernel(() => []);
    const many = Array.from({ length: 65_536 }, () => [rawAttribute(1, Buffer.alloc(64))]);
    const elements = changeNftElements('add', { family: 1, table: 't', name: 's' }, many);
    expect(elements.length).toBeGreaterThan(100);
    await expect(commitNetfilterChanges(socket, { subsystem, changes: elements })).rejects.toMatchObject({
      code: 'EMSGSIZE',
    });
    expect(fake.sends).toEqual([]);
  });
});

test.each([
  // NFTA_LIST_ELEM { NFTA_EXPR_NAME "queue", NFTA_EXPR_DATA { NFTA_QUEUE_NUM be16 } }
  ['queue', queueExpression, '1c0001800a0001007175657565000000' + '0c0002800600010020560000'],
  // NFTA_LIST_ELEM { "target", { NFTA_TARGET_NAME "NFQUEUE", NFTA_TARGET_REV be32 0, NFTA_TARGET_INFO u16 } }
  [
    'target',
    queueTargetExpression,
    '340001800b0001007461726765740000240002800c0001004e465155455545000800020000000000' +
      '0c0003005620000000000000',
  ],
])('the expression that queues packets is encoded as the kernel reads it: %s', (_, build, bytes) => {
  expect(encodeNftExpressions([build(0x2056)]).toString('hex')).toBe(bytes);
});

test('a rule is read as it was written', () => {
  const parsed = parseNftRule(encoded(addNftRule(rule, 7n)));
  expect(parsed).toMatchObject({ family: 1, table: 'filter', chain: 'input', userdata: rule.userdata });
  expect(parsed.expressions).toEqual(rule.expressions);
});

test.each([
  ['one device', [nftString(nftHookAttributes.device, 'eth0')], ['eth0']],
  [
    'devices and a prefix',
    [rawNest(nftHookAttributes.devices, [nftString(1, 'eth0'), nftString(2, 'pl')])],
    ['eth0', 'pl*'],
  ],
  ['none', [], []],
])('the devices of a chain are read: %s', (_, hook, devices) => {
  const message = encoded({
    operation: 'a chain',
    type: 0xa03,
    encode: (writer) => {
      encodeNfgenmsg(writer, 5);
      writeRawAttributes(writer, [
        nftString(nftChainAttributes.table, 't'),
        nftString(nftChainAttributes.name, 'c'),
        rawNest(nftChainAttributes.hook, hook),
      ]);
    },
  });
  expect(parseNftChain(message)).toMatchObject({ family: 5, table: 't', name: 'c', devices });
});

test('attributes keep their flag and bytes', () => {
  const attributes = [rawNest(1, [rawAttribute(2, Buffer.from('abc'))]), rawAttribute(300, Buffer.alloc(0))];
  const writer = new NetlinkMessageWriter();
  writeRawAttributes(writer, attributes);
  expect(readNest(Buffer.from(writer.buffer.subarray(0, writer.length)))).toEqual(attributes);
});
