import { constants } from 'node:os';
import { describe, expect, test } from 'vitest';
import { MalformedNetlinkMessage, type NetlinkMessageReader } from '../../../server/netlink/message.ts';
import { type NetlinkRequest, NetlinkSocket } from '../../../server/netlink/socket.ts';
import {
  acknowledgement,
  datagram,
  done,
  type FakeReply,
  type FakeRequest,
  fakeKernel,
} from './fake-kernel.ts';

const { EBUSY, EINTR, ENOBUFS, ENODEV } = constants.errno;
const NLM_F_DUMP_INTR = 0x10;
const OBJECT = 16;

const request = (operation: string, word = 0): NetlinkRequest => ({
  operation,
  type: 18,
  encode: (message) => {
    message.u32(word);
  },
});
const dump = request('dump links');
const wordOf = (message: NetlinkMessageReader): number => message.buffer.readInt32LE(message.start);

/** A kernel that replies with each of `replies` in turn. */
const inTurn = (...replies: ((request: FakeRequest) => FakeReply[])[]) => {
  let send = 0;
  return fakeKernel(([first]) => {
    const reply = replies[send++];
    if (reply === undefined || first === undefined) throw new Error(`send ${send} was not expected`);
    return reply(first);
  });
};

const object = (word: number, flags = 0) => ({ type: OBJECT, flags, body: [word] });

describe('a dump', () => {
  test('collects the objects of all datagrams up to NLMSG_DONE', async () => {
    const kernel = inTurn(({ sequence }) => [
      datagram(sequence, object(1), object(2)),
      datagram(sequence, object(3)),
      datagram(sequence, done()),
    ]);
    const socket = new NetlinkSocket(kernel.transport);
    expect(await socket.dump(dump, wordOf)).toEqual([1, 2, 3]);
    expect(kernel.sends[0]?.[0]?.flags).toBe(0x301);
  });

  test('that was interrupted by a change is repeated, and its objects are discarded', async () => {
    const kernel = inTurn(
      ({ sequence }) => [
        datagram(sequence, object(1), object(2, NLM_F_DUMP_INTR)),
        datagram(sequence, done()),
      ],
      ({ sequence }) => [datagram(sequence, object(1)), datagram(sequence, done(0, NLM_F_DUMP_INTR))],
      ({ sequence }) => [datagram(sequence, object(7)), datagram(sequence, done())],
    );
    const socket = new NetlinkSocket(kernel.transport);
    expect(await socket.dump(dump, wordOf)).toEqual([7]);
    expect(kernel.sends).toHaveLength(3);
  });

  test('that is always interrupted fails with EINTR after 20 attempts', async () => {
    const kernel = fakeKernel(([first]) => [
      datagram(first?.sequence ?? 0, object(1, NLM_F_DUMP_INTR)),
      datagram(first?.sequence ?? 0, done()),
    ]);
    const socket = new NetlinkSocket(kernel.transport);
    await expect(socket.dump(dump, wordOf)).rejects.toMatchObject({
      code: 'EINTR',
      message: expect.stringContaining('dump links: interrupted by changes 20 times'),
    });
    expect(kernel.sends).toHaveLength(20);
  });

  test('that the kernel breaks off reports the errno of NLMSG_DONE', async () => {
    const kernel = inTurn(({ sequence }) => [datagram(sequence, object(1), done(ENODEV))]);
    const socket = new NetlinkSocket(kernel.transport);
    await expect(socket.dump(dump, wordOf)).rejects.toMatchObject({
      code: 'ENODEV',
      operation: 'dump links',
    });
  });

  test('ignores replies to earlier requests', async () => {
    const kernel = inTurn(({ sequence }) => [
      datagram(sequence - 1, object(99), done()),
      datagram(sequence, object(1), done()),
    ]);
    expect(await new NetlinkSocket(kernel.transport).dump(dump, wordOf)).toEqual([1]);
  });
});

describe('receiving', () => {
  test('goes on after a signal (EINTR)', async () => {
    const kernel = inTurn(({ sequence }) => [
      { errno: EINTR },
      datagram(sequence, object(1)),
      { errno: EINTR },
      { errno: EINTR },
      datagram(sequence, done()),
    ]);
    expect(await new NetlinkSocket(kernel.transport).dump(dump, wordOf)).toEqual([1]);
  });

  test('fails when the kernel dropped replies (ENOBUFS), and the next request is not disturbed', async () => {
    const kernel = inTurn(
      ({ sequence }) => [
        datagram(sequence, object(1)),
        { errno: ENOBUFS },
        datagram(sequence, object(2), done()),
      ],
      ({ sequence }) => [datagram(sequence, object(3), done())],
    );
    const socket = new NetlinkSocket(kernel.transport);
    await expect(socket.dump(dump, wordOf)).rejects.toMatchObject({
      code: 'ENOBUFS',
      message: expect.stringContaining('dump links: read the reply'),
    });
    expect(kernel.queue).toHaveLength(0);
    expect(await socket.dump(dump, wordOf)).toEqual([3]);
  });

  test('fails with ETIMEDOUT when no reply comes', async () => {
    const kernel = inTurn(() => []);
    const socket = new NetlinkSocket(kernel.transport);
    await expect(socket.get(request('get link eth0'), wordOf)).rejects.toMatchObject({
      code: 'ETIMEDOUT',
      operation: 'get link eth0',
    });
  });

  test('fails with EMSGSIZE for a datagram beyond the buffer', async () => {
    const kernel = inTurn(() => [Buffer.alloc(70_000)]);
    const socket = new NetlinkSocket(kernel.transport);
    await expect(socket.dump(dump, wordOf)).rejects.toMatchObject({ code: 'EMSGSIZE' });
  });

  test('fails for bytes that are no netlink message, and the next request is not disturbed', async () => {
    const kernel = inTurn(
      () => [Buffer.alloc(20, 0xff), Buffer.alloc(8)],
      ({ sequence }) => [datagram(sequence, object(3), done())],
    );
    const socket = new NetlinkSocket(kernel.transport);
    await expect(socket.dump(dump, wordOf)).rejects.toThrow(MalformedNetlinkMessage);
    expect(await socket.dump(dump, wordOf)).toEqual([3]);
  });
});

describe('many objects, requested one by one', () => {
  const requests = Array.from({ length: 300 }, (_, index) => request(`get link ${index}`, index));

  test('are returned in the order of the requests, with the errors of those that were refused', async () => {
    const kernel = fakeKernel((sent) =>
      sent.flatMap(({ sequence, body }) => {
        const word = body.readInt32LE(0);
        return word % 100 === 7
          ? [datagram(sequence, acknowledgement(ENODEV))]
          : [
              datagram(0, object(-1)),
              datagram(sequence, object(word)),
              datagram(sequence, acknowledgement()),
            ];
      }),
    );
    const found = await new NetlinkSocket(kernel.transport).getEach(requests, wordOf);
    expect(kernel.sends.map(({ length }) => length)).toEqual([256, 44]);
    expect(found.map((each) => (each instanceof Error ? [each.code, each.operation] : each))).toEqual(
      requests.map(({ operation }, index) => (index % 100 === 7 ? ['ENODEV', operation] : index)),
    );
  });

  test('fail if the kernel acknowledges a request without a reply', async () => {
    const kernel = inTurn(({ sequence }) => [datagram(sequence, acknowledgement())]);
    const socket = new NetlinkSocket(kernel.transport);
    await expect(socket.getEach([request('get link 1')], wordOf)).rejects.toThrow(
      'no reply before the acknowledgement (get link 1)',
    );
  });
});

describe('a batch', () => {
  test('returns each outcome in the order of the requests, whatever the order of the acknowledgements', async () => {
    const kernel = fakeKernel((requests) =>
      requests
        .map(({ sequence, body }) => datagram(sequence, acknowledgement(body.readInt32LE(0))))
        .reverse(),
    );
    const socket = new NetlinkSocket(kernel.transport);
    const errors = await socket.batch([request('a'), request('b', EBUSY), request('c')]);
    expect(errors.map((error) => error && [error.operation, error.code])).toEqual([
      null,
      ['b', 'EBUSY'],
      null,
    ]);
  });

  test('of 600 requests is sent as three datagrams', async () => {
    const kernel = fakeKernel((requests) =>
      requests.map(({ sequence }) => datagram(sequence, acknowledgement())),
    );
    const socket = new NetlinkSocket(kernel.transport);
    const errors = await socket.batch(Array.from({ length: 600 }, (_, i) => request(`request ${i}`)));
    expect(errors).toEqual(new Array(600).fill(null));
    expect(kernel.sends.map((requests) => requests.length)).toEqual([256, 256, 88]);
  });

  test('of nothing sends nothing', async () => {
    const kernel = fakeKernel(() => []);
    expect(await new NetlinkSocket(kernel.transport).batch([])).toEqual([]);
    expect(kernel.sends).toEqual([]);
  });
});

describe('a request for one object', () => {
  test('without an object before the acknowledgement is malformed', async () => {
    const kernel = inTurn(({ sequence }) => [datagram(sequence, acknowledgement())]);
    const socket = new NetlinkSocket(kernel.transport);
    await expect(socket.get(request('get link eth0'), wordOf)).rejects.toThrow('get link eth0');
  });

  test('that cannot be sent reports the errno', async () => {
    const { transport } = fakeKernel(() => []);
    const socket = new NetlinkSocket({ ...transport, send: () => Promise.resolve(ENOBUFS) });
    await expect(socket.request(request('set link up'))).rejects.toMatchObject({ code: 'ENOBUFS' });
  });
});

test('requests run one after the other', async () => {
  const kernel = fakeKernel(([first]) => [
    datagram(first?.sequence ?? 0, object(first?.sequence ?? 0), done()),
  ]);
  const socket = new NetlinkSocket(kernel.transport);
  const found = await Promise.all([1, 2, 3].map(() => socket.dump(dump, wordOf)));
  expect(found).toEqual([[1], [2], [3]]);
});

test('closing waits for running requests and refuses later ones', async () => {
  const kernel = inTurn(({ sequence }) => [datagram(sequence, object(1), done())]);
  const socket = new NetlinkSocket(kernel.transport);
  const running = socket.dump(dump, wordOf);
  socket.close();
  expect(kernel.closed).toBe(false);
  expect(await running).toEqual([1]);
  await expect(socket.dump(dump, wordOf)).rejects.toThrow('netlink socket is closed');
  await expect.poll(() => kernel.closed).toBe(true);
});
