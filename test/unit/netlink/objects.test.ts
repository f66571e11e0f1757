import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { parseAcknowledgement } from '../../../server/netlink/acknowledgement.ts';
import { encodeAddressMessage, parseAddressMessage } from '../../../server/netlink/address.ts';
import { encodeLinkChange } from '../../../server/netlink/link.ts';
import { parseLinkMessage } from '../../../server/netlink/link-message.ts';
import {
  MalformedNetlinkMessage,
  NetlinkMessageReader,
  NetlinkMessageWriter,
} from '../../../server/netlink/message.ts';
import { rtmTypes } from '../../../server/netlink/message-constants.ts';
import { parseNetworkEvent } from '../../../server/netlink/monitor.ts';
import { encodeNeighborMessage, parseNeighborMessage } from '../../../server/netlink/neighbor.ts';
import { encodeNewNetkit } from '../../../server/netlink/netkit.ts';
import { encodeRouteMessage, parseRouteMessage } from '../../../server/netlink/route-message.ts';
import { encodeNewVeth } from '../../../server/netlink/veth.ts';

const written = (type: number, write: (message: NetlinkMessageWriter) => void): Buffer => {
  const message = new NetlinkMessageWriter();
  message.begin(type, 0, 1);
  write(message);
  message.end();
  return Buffer.from(message.buffer.subarray(0, message.length));
};
const read = <T>(bytes: Buffer, parse: (message: NetlinkMessageReader) => T): T => {
  const messages = new NetlinkMessageReader(bytes);
  messages.next();
  return parse(messages);
};

const ifindex = fc.integer({ min: 1, max: 0x7fff_ffff });
const name = fc.stringMatching(/^[a-z][a-z0-9.]{0,14}$/);
const mac = fc
  .uint8Array({ minLength: 6, maxLength: 6 })
  .map((bytes) => Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join(':'))
  .filter((text) => text !== '00:00:00:00:00:00');
const ipv4 = fc.ipV4();
const ipv6 = fc
  .uint8Array({ minLength: 16, maxLength: 16 })
  .map(
    (bytes) => new URL(`http://[${Buffer.from(bytes).toString('hex').match(/.{4}/g)!.join(':')}]`).hostname,
  )
  .map((host) => host.slice(1, -1))
  .filter((text) => !text.startsWith('::ffff:'));
const address = fc.oneof(ipv4, ipv6);
const bits = (text: string) => (text.includes(':') ? 128 : 32);

describe('a request reads as the object it makes', () => {
  test('veth', () => {
    fc.assert(
      fc.property(
        name,
        ifindex,
        fc.integer({ min: 68, max: 65_535 }),
        mac,
        fc.boolean(),
        (n, index, mtu, m, up) => {
          const primary = { name: n, ifindex: index, mtu, mac: m, up };
          const bytes = written(rtmTypes.newLink, (w) =>
            encodeNewVeth(w, { primary, peer: { name: 'eth0', ifindex: 5, netnsFd: 9 } }),
          );
          expect(read(bytes, parseLinkMessage)).toMatchObject({
            name: n,
            ifindex: index,
            mtu,
            mac: m,
            up,
            kind: 'veth',
          });
          expect(bytes.includes('eth0\0')).toBe(true);
        },
      ),
    );
  });

  test('netkit, with mode, policies and scrub', () => {
    const policy = fc.constantFrom('forward', 'blackhole');
    const scrub = fc.constantFrom('none', 'default');
    fc.assert(
      fc.property(
        fc.constantFrom('l2', 'l3'),
        policy,
        policy,
        scrub,
        scrub,
        (mode, own, other, ownScrub, otherScrub) => {
          const bytes = written(rtmTypes.newLink, (w) =>
            encodeNewNetkit(w, {
              mode,
              policy: { primary: own, peer: other },
              scrub: { primary: ownScrub, peer: otherScrub },
              primary: { name: 'pl0', ifindex: 1_048_576, mtu: 1500 },
              peer: { name: 'eth0', ifindex: 1_048_577, mtu: 1500 },
            }),
          );
          expect(read(bytes, parseLinkMessage)).toMatchObject({
            kind: 'netkit',
            netkit: { mode, policy: own, peerPolicy: other, scrub: ownScrub, peerScrub: otherScrub },
          });
        },
      ),
    );
  });

  test('link change', () => {
    const bytes = written(rtmTypes.setLink, (w) =>
      encodeLinkChange(w, 7, { up: true, mtu: 1400, name: 'eth0', group: 3 }),
    );
    expect(read(bytes, parseLinkMessage)).toMatchObject({
      ifindex: 7,
      up: true,
      mtu: 1400,
      name: 'eth0',
      group: 3,
    });
    // Down is the flag's absence, with the flag in the mask of what changes.
    const down = written(rtmTypes.setLink, (w) => encodeLinkChange(w, 7, { up: false }));
    expect([down.readUInt32LE(24), down.readUInt32LE(28)]).toEqual([0, 1]);
    const neither = written(rtmTypes.setLink, (w) => encodeLinkChange(w, 7, { mtu: 1400 }));
    expect([neither.readUInt32LE(24), neither.readUInt32LE(28)]).toEqual([0, 0]);
  });

  test('address', () => {
    fc.assert(
      fc.property(ifindex, address, (index, ip) => {
        const cidr = `${ip}/${bits(ip)}`;
        const bytes = written(rtmTypes.newAddress, (w) => encodeAddressMessage(w, index, cidr));
        expect(read(bytes, parseAddressMessage)).toMatchObject({
          ifindex: index,
          address: cidr,
          peer: null,
          scope: 'global',
        });
      }),
    );
  });

  test('route', () => {
    fc.assert(
      fc.property(
        ifindex,
        address,
        fc.boolean(),
        fc.integer({ min: 1, max: 0xffff_ffff }),
        fc.option(fc.nat(), { nil: undefined }),
        (index, ip, onlink, table, metric) => {
          const gateway = ip.includes(':') ? 'fe80::1' : '169.254.1.1';
          const bytes = written(rtmTypes.newRoute, (w) =>
            encodeRouteMessage(w, {
              destination: ip,
              ifindex: index,
              gateway,
              onlink,
              table,
              ...(metric === undefined ? {} : { metric }),
            }),
          );
          expect(read(bytes, parseRouteMessage)).toMatchObject({
            destination: ip,
            type: 'unicast',
            table,
            gateway,
            ifindex: index,
            metric: metric ?? null,
            nextHops: [{ gateway, ifindex: index, onlink, weight: 1 }],
          });
        },
      ),
    );
  });

  test.each([
    [
      'default by IPv4 gateway',
      { destination: 'default', gateway: '169.254.1.1' },
      'ipv4',
      'default',
      'global',
    ],
    ['default by IPv6 gateway', { destination: 'default', gateway: 'fe80::1' }, 'ipv6', 'default', 'global'],
    ['on-link host', { destination: '10.42.0.33' }, 'ipv4', '10.42.0.33', 'link'],
    ['on-link network', { destination: '10.42.0.0/24' }, 'ipv4', '10.42.0.0/24', 'link'],
    [
      'IPv4 by IPv6 gateway',
      { destination: '10.42.0.33', gateway: 'fe80::1' },
      'ipv4',
      '10.42.0.33',
      'global',
    ],
  ] as const)('route: %s', (_, route, family, destination, scope) => {
    const bytes = written(rtmTypes.newRoute, (w) => encodeRouteMessage(w, { ifindex: 3, ...route }));
    expect(read(bytes, parseRouteMessage)).toMatchObject({
      family,
      destination,
      scope,
      gateway: 'gateway' in route ? route.gateway : null,
    });
  });

  test('neighbor', () => {
    fc.assert(
      fc.property(ifindex, address, mac, (index, ip, m) => {
        const bytes = written(rtmTypes.newNeighbor, (w) =>
          encodeNeighborMessage(w, { ifindex: index, address: ip, mac: m }),
        );
        expect(read(bytes, parseNeighborMessage)).toMatchObject({
          ifindex: index,
          address: ip,
          mac: m,
          state: 'permanent',
        });
      }),
    );
  });
});

describe('acknowledgements', () => {
  const error = (code: number, flags: number, rest: Buffer = Buffer.alloc(0)): Buffer => {
    const body = Buffer.alloc(20);
    body.writeInt32LE(code);
    body.writeUInt32LE(16, 4);
    const bytes = Buffer.concat([Buffer.alloc(16), body, rest]);
    bytes.writeUInt32LE(bytes.length, 0);
    bytes.writeUInt16LE(2, 4);
    bytes.writeUInt16LE(flags, 6);
    return bytes;
  };
  const tlv = Buffer.concat([Buffer.of(4 + 8, 0, 1, 0), Buffer.from('go away\0')]);

  test('errno 0 is success', () =>
    expect(read(error(0, 0), (m) => parseAcknowledgement(m, 'try'))).toBeNull());

  test('an error number alone is named', () => {
    expect(read(error(-17, 0), (m) => parseAcknowledgement(m, 'add veth pl0'))).toMatchObject({
      message: 'add veth pl0: File exists (EEXIST)',
      errno: 17,
      code: 'EEXIST',
      kernelText: null,
      operation: 'add veth pl0',
    });
  });

  test('the kernel’s own sentence is kept, with and without the request before it', () => {
    expect(read(error(-95, 0x300, tlv), (m) => parseAcknowledgement(m, 'try'))?.kernelText).toBe('go away');
    const uncapped = error(-95, 0x200, Buffer.concat([Buffer.alloc(4), tlv]));
    uncapped.writeUInt32LE(20, 20);
    expect(read(uncapped, (m) => parseAcknowledgement(m, 'try'))?.kernelText).toBe('go away');
  });

  test('a kernel without netkit gets a hint', () => {
    const unknown = Buffer.concat([Buffer.of(4 + 20, 0, 1, 0), Buffer.from('Unknown device type\0')]);
    expect(read(error(-95, 0x300, unknown), (m) => parseAcknowledgement(m, 'add netkit pl0'))).toMatchObject({
      message: 'add netkit pl0: Unknown device type (EOPNOTSUPP)',
      hint: expect.stringContaining('CONFIG_NETKIT'),
    });
  });

  test('lengths that point outside are refused', () => {
    const uncapped = error(-95, 0x200, tlv);
    uncapped.writeUInt32LE(0xffff_fff0, 20);
    expect(() => read(uncapped, (m) => parseAcknowledgement(m, 'try'))).toThrow(MalformedNetlinkMessage);
    const short = Buffer.from('12000000020000000100000000000000ffff', 'hex');
    expect(() => read(short, (m) => parseAcknowledgement(m, 'try'))).toThrow(MalformedNetlinkMessage);
  });
});

describe('hostile bytes end in MalformedNetlinkMessage or a value, never in a hang or a read beyond', () => {
  const types = [rtmTypes.newLink, rtmTypes.newAddress, rtmTypes.newRoute, rtmTypes.newNeighbor, 2, 3];
  const valid = [
    written(rtmTypes.newLink, (w) =>
      encodeNewNetkit(w, {
        mode: 'l3',
        policy: { primary: 'forward', peer: 'blackhole' },
        primary: { name: 'pl0', mac: '02:00:00:00:00:01', mtu: 1500 },
        peer: { name: 'eth0' },
      }),
    ),
    written(rtmTypes.newAddress, (w) => encodeAddressMessage(w, 3, 'fd00::1/64')),
    written(rtmTypes.newRoute, (w) =>
      encodeRouteMessage(w, { destination: '10.0.0.0/8', gateway: '10.1.1.1', ifindex: 4 }),
    ),
    written(rtmTypes.newNeighbor, (w) =>
      encodeNeighborMessage(w, { ifindex: 4, address: '10.1.1.1', mac: '02:00:00:00:00:01' }),
    ),
  ];
  const swallow = (bytes: Buffer): void => {
    try {
      const messages = new NetlinkMessageReader(bytes);
      while (messages.next()) {
        parseNetworkEvent(messages);
        if (messages.type === rtmTypes.newNeighbor) parseNeighborMessage(messages);
        if (messages.type === 2 || messages.type === 3) parseAcknowledgement(messages, 'try');
      }
    } catch (error) {
      if (!(error instanceof MalformedNetlinkMessage)) throw error;
    }
  };
  // A generator of our own: 100,000 cases in about a second, the same ones every time.
  const random = (seed: number) => () => {
    seed = (Math.imul(seed, 1_664_525) + 1_013_904_223) >>> 0;
    return seed / 2 ** 32;
  };

  test('every truncation of valid messages', () => {
    for (const bytes of valid)
      for (let length = 0; length <= bytes.length; length++) {
        swallow(bytes.subarray(0, length));
        const shortened = Buffer.from(bytes.subarray(0, length));
        if (length >= 16) shortened.writeUInt32LE(length, 0);
        swallow(shortened);
      }
  });

  test('60,000 valid messages with bytes changed', () => {
    const next = random(1);
    for (let i = 0; i < 60_000; i++) {
      const bytes = Buffer.from(valid[i % valid.length]!);
      for (let n = 1 + next() * 4; n > 0; n--)
        bytes[16 + Math.floor(next() * (bytes.length - 16))] = next() * 256;
      swallow(bytes);
    }
  });

  test('40,000 messages of noise', () => {
    const next = random(2);
    for (let i = 0; i < 40_000; i++) {
      const bytes = Buffer.alloc(16 + Math.floor(next() * 120));
      for (let at = 16; at < bytes.length; at++) bytes[at] = next() < 0.6 ? next() * 24 : next() * 256;
      bytes.writeUInt32LE(bytes.length, 0);
      bytes.writeUInt16LE(types[i % types.length]!, 4);
      bytes.writeUInt16LE(0x300, 6);
      swallow(bytes);
    }
  });
});
