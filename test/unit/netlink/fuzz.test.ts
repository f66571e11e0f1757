import { existsSync, readFileSync } from 'node:fs';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Btf, vmlinuxBtfPath } from '../../../server/bpf/btf.ts';
import { parseProcNetIgmp, parseProcNetIgmp6 } from '../../../server/kernel/multicast-groups.ts';
import { parseAcknowledgement } from '../../../server/netlink/acknowledgement.ts';
import { encodeAddressMessage, parseAddressMessage } from '../../../server/netlink/address.ts';
import { cta } from '../../../server/netlink/conntrack-attributes.ts';
import { formatConntrackEntry, parseConntrackEntry } from '../../../server/netlink/conntrack-entry.ts';
import { compileConntrackSelection } from '../../../server/netlink/conntrack-selection.ts';
import { encodeConntrackTuple, encodeTupleFamily } from '../../../server/netlink/conntrack-tuple.ts';
import { formatNeighbor, formatRoute } from '../../../server/netlink/iproute2-format.ts';
import { parseLinkMessage } from '../../../server/netlink/link-message.ts';
import {
  MalformedNetlinkMessage,
  NetlinkMessageReader,
  NetlinkMessageWriter,
} from '../../../server/netlink/message.ts';
import { parseNetworkEvent } from '../../../server/netlink/monitor.ts';
import { parseNamespaceId } from '../../../server/netlink/namespace-id.ts';
import { encodeNeighborMessage, parseNeighborMessage } from '../../../server/netlink/neighbor.ts';
import { encodeNewNetkit } from '../../../server/netlink/netkit.ts';
import { parseControlMessageNsid } from '../../../server/netlink/nsid-receiver.ts';
import { encodeRouteMessage, parseRouteMessage } from '../../../server/netlink/route-message.ts';
import { parseSocketMessage } from '../../../server/netlink/socket-diag.ts';
import { parseTcFilter } from '../../../server/netlink/tc-filter.ts';
import { encodeNewVeth } from '../../../server/netlink/veth.ts';
import { btfSample } from '../bpf/btf-sample.ts';

const seed = Number(process.env.PODLANE_SEED ?? Math.floor(Math.random() * 0x7fff_ffff));
let inputs = 0;
beforeAll(() => console.log(`fuzz: seed ${seed}; PODLANE_SEED=${seed} repeats it`));
afterAll(() => console.log(`fuzz: ${inputs} inputs, seed ${seed}`));

/** Bytes of a message of a real object, as our encoders write it; the body of a request is that of an answer. */
const message = (write: (writer: NetlinkMessageWriter) => void): Buffer => {
  const writer = new NetlinkMessageWriter();
  writer.begin(16, 0x300, 1);
  write(writer);
  writer.end();
  return Buffer.from(writer.buffer.subarray(0, writer.length));
};
const mac = '02:50:4c:10:00:01';
const end = { name: 'pl0', ifindex: 1_048_576, mtu: 1500, mac };
const link = message((w) => encodeNewVeth(w, { primary: end, peer: end }));
const netkit = message((w) =>
  encodeNewNetkit(w, {
    mode: 'l2',
    policy: { primary: 'forward', peer: 'blackhole' },
    scrub: { primary: 'none', peer: 'default' },
    headroom: 32,
    primary: end,
    peer: end,
  }),
);
const named = message((w) => {
  w.u32(0).i32(7).u32(1).u32(0);
  const names = w.openNest(52);
  w.attributeString(53, 'a-name-longer-than-fifteen-bytes');
  w.closeNest(names);
  w.attributeBytes(23, Buffer.alloc(200, 7));
});
const address = message((w) =>
  encodeAddressMessage(w, 7, 'fd00::33/64', {
    peer: 'fd00::44',
    validSeconds: 1000,
    flags: 0x200,
    metric: 7,
  }),
);
const route = message((w) =>
  encodeRouteMessage(w, {
    destination: '10.0.0.0/8',
    ifindex: 7,
    gateway: 'fe80::1',
    metrics: { values: { mtu: 1400, advmss: 1300 }, locked: ['mtu'], congestionControl: 'reno' },
  }),
);
const multipath = message((w) =>
  encodeRouteMessage(w, {
    destination: 'fd00::/16',
    preference: 'high',
    nextHops: [
      { ifindex: 7, gateway: 'fe80::1', weight: 256 },
      { ifindex: 8, gateway: 'fe80::2', onlink: true },
    ],
  }),
);
const neighbor = message((w) =>
  encodeNeighborMessage(w, { ifindex: 7, address: 'fd00::33', mac, protocol: 4 }),
);
const filter = message((w) => {
  w.u32(0).i32(7).u32(1).u32(0xffff_fff2).u32(0x1_0300);
  w.attributeString(1, 'bpf');
  w.attributeU32(11, 0);
  const options = w.openNest(2);
  w.attributeString(7, 'podlane');
  w.attributeU32(8, 1);
  w.attributeBytes(10, Buffer.alloc(8, 0xab));
  w.attributeU32(11, 42);
  w.closeNest(options);
});
const refusal = message((w) => {
  w.i32(-95).u32(16).u32(0).u32(0).u32(0);
  w.attributeString(1, 'Unknown device type');
});
const inet = message((w) => {
  w.u8(10).u8(7).u8(0).u8(0);
  for (let word = 0; word < 17; word++) w.u32(word + 1);
});
const packet = message((w) => {
  w.u32(17).u32(4711).u32(0).u32(0);
  w.attributeBytes(0, Buffer.alloc(24, 1));
});
const connection = message((w) => {
  const tuple = { family: 'ipv6', source: 'fd09::2', destination: 'fd09::1', protocol: 6, zone: 7 } as const;
  encodeTupleFamily(w, { ...tuple, ports: null, icmp: null });
  encodeConntrackTuple(w, cta.tupleOriginal, {
    ...tuple,
    ports: { source: 40000, destination: 80 },
    icmp: null,
  });
  encodeConntrackTuple(w, cta.tupleReply, { ...tuple, ports: null, icmp: { id: 1, type: 129, code: 0 } });
  w.attributeBytes(cta.status, Buffer.from('000001be', 'hex'));
  w.attributeBytes(cta.timeout, Buffer.from('000000ff', 'hex'));
  w.attributeBytes(cta.zone, Buffer.from('0007', 'hex'));
  const help = w.openNest(cta.help);
  w.attributeString(1, 'ftp');
  w.closeNest(help);
});
const namespace = message((w) => w.u32(0).attributeI32(1, 3));

/** Every decoder, with the bytes of what it decodes. */
const decoders: Record<string, { valid: Buffer[]; decode(reader: NetlinkMessageReader): unknown }> = {
  link: { valid: [link, netkit, named], decode: (m) => parseLinkMessage(m, true) },
  address: { valid: [address], decode: parseAddressMessage },
  route: { valid: [route, multipath], decode: (m) => spoken(parseRouteMessage(m)) },
  neighbor: {
    valid: [neighbor],
    decode: (m) => {
      const found = parseNeighborMessage(m);
      return found && formatNeighbor(found, () => undefined);
    },
  },
  filter: { valid: [filter], decode: parseTcFilter },
  acknowledgement: { valid: [refusal], decode: (m) => parseAcknowledgement(m, 'try') },
  'inet socket': { valid: [inet], decode: (m) => parseSocketMessage(m, 'tcp') },
  'packet socket': { valid: [packet], decode: (m) => parseSocketMessage(m, 'packet') },
  'conntrack entry': {
    valid: [connection],
    decode: (m) => {
      const selected = fromHost(m);
      const entry = parseConntrackEntry(m);
      return entry && [selected, formatConntrackEntry(entry)];
    },
  },
  'namespace id': { valid: [namespace], decode: parseNamespaceId },
};
const spoken = (found: ReturnType<typeof parseRouteMessage>) => found && formatRoute(found, () => undefined);
const fromHost = compileConntrackSelection({
  status: 0x10,
  reply: { field: 'source', addresses: ['fd09::2', '10.9.0.1'] },
});
const eventTypes = [16, 17, 20, 21, 24, 25];

/** Surrounds the bytes with others, so that what is read beyond them shows: the answer must not depend on those. */
function guarded(bytes: Buffer, around: number): Buffer {
  const room = Buffer.alloc(bytes.length + 512, around);
  bytes.copy(room, 256);
  return room.subarray(256, 256 + bytes.length);
}

/** What decoding ends in: a value, or the codec's own error; everything else is thrown on. */
function outcome(bytes: Buffer, around: number, decode: (reader: NetlinkMessageReader) => unknown): string {
  const found: unknown[] = [];
  try {
    // The receive buffer is larger than what was received.
    const room = guarded(bytes, around);
    const whole = Buffer.from(room.buffer, room.byteOffset, bytes.length + 200);
    const messages = new NetlinkMessageReader(whole, bytes.length);
    while (messages.next()) found.push(decode(messages));
  } catch (error) {
    if (!(error instanceof MalformedNetlinkMessage)) throw error;
    found.push(error.message);
  }
  return JSON.stringify(found);
}

function attempt(bytes: Buffer, decode: (reader: NetlinkMessageReader) => unknown): void {
  inputs++;
  const [zeros, ones] = [outcome(bytes, 0, decode), outcome(bytes, 0xff, decode)];
  if (zeros !== ones) throw new Error(`reads beyond the end: ${zeros} or ${ones}`);
}

/** Real bytes with some changed, cut short, doubled or moved; the length field made to fit, or not. */
const mutated = (valid: readonly Buffer[]): fc.Arbitrary<Buffer> =>
  fc
    .record({
      base: fc.constantFrom(...valid),
      changes: fc.array(fc.tuple(fc.nat(), fc.oneof(fc.nat(255), fc.constantFrom(0, 1, 4, 0x80, 0xff))), {
        maxLength: 6,
      }),
      keep: fc.oneof(fc.constant(1), fc.double({ min: 0, max: 1, noNaN: true })),
      repeat: fc.constantFrom(1, 1, 1, 2),
      fit: fc.oneof(
        { weight: 4, arbitrary: fc.constant(true) },
        { weight: 1, arbitrary: fc.constant(false) },
      ),
    })
    .map(({ base, changes, keep, repeat, fit }) => {
      const bytes = Buffer.from(base.subarray(0, Math.ceil(base.length * keep)));
      for (const [at, value] of changes) if (bytes.length > 0) bytes[at % bytes.length] = value;
      if (fit && bytes.length >= 16) bytes.writeUInt32LE(bytes.length, 0);
      return Buffer.concat(Array.from({ length: repeat }, () => bytes));
    });

/** A header that fits, and noise. */
const noise: fc.Arbitrary<Buffer> = fc
  .uint8Array({ minLength: 0, maxLength: 160, size: 'max' })
  .map((body) => {
    const bytes = Buffer.concat([Buffer.alloc(16), body]);
    bytes.writeUInt32LE(bytes.length, 0);
    bytes.writeUInt16LE(0x300, 6);
    return bytes;
  });

describe('whatever comes, a decoder answers, or refuses with MalformedNetlinkMessage, and reads no byte beyond', () => {
  for (const [name, { valid, decode }] of Object.entries(decoders)) {
    test(`${name}: real bytes, each cut short everywhere`, () => {
      for (const bytes of valid)
        for (let length = 0; length <= bytes.length; length++) {
          const cut = Buffer.from(bytes.subarray(0, length));
          attempt(cut, decode);
          if (length >= 16) cut.writeUInt32LE(length, 0);
          attempt(cut, decode);
        }
    });

    test(`${name}: real bytes, changed, and noise`, () => {
      const bytes = fc.oneof({ weight: 3, arbitrary: mutated(valid) }, { weight: 1, arbitrary: noise });
      fc.assert(
        fc.property(bytes, (each) => attempt(each, decode)),
        { seed, numRuns: 9000 },
      );
    });
  }

  test('events of every type', () => {
    const valid = [link, netkit, named, address, route, multipath].flatMap((bytes) =>
      eventTypes.map((type) => {
        const typed = Buffer.from(bytes);
        typed.writeUInt16LE(type, 4);
        return typed;
      }),
    );
    fc.assert(
      fc.property(mutated(valid), (bytes) => attempt(bytes, parseNetworkEvent)),
      { seed, numRuns: 9000 },
    );
  });

  test('control messages, and the tables of multicast groups', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 64, size: 'max' }), fc.boolean(), (body, header) => {
        inputs++;
        const control = Buffer.from(body);
        if (header && control.length >= 16) {
          control.writeBigUInt64LE(BigInt(control[0]! % 40), 0);
          control.writeInt32LE(270, 8);
          control.writeInt32LE(8, 12);
        }
        const id = parseControlMessageNsid(control);
        expect(id === null || Number.isInteger(id)).toBe(true);
      }),
      { seed, numRuns: 5000 },
    );
    const text = fc.stringMatching(/^[0-9a-fA-FeE:. \t\nlo]*$/);
    fc.assert(
      fc.property(text, fc.nat(9), (table, ifindex) => {
        inputs++;
        parseProcNetIgmp(table, ifindex);
        parseProcNetIgmp6(table, ifindex);
      }),
      { seed, numRuns: 3000 },
    );
  });
});

describe('BTF', () => {
  /** Reads all there is to read. */
  const read = (bytes: Buffer): void => {
    inputs++;
    try {
      const btf = new Btf(bytes);
      for (let id = 0; id < Math.min(btf.typeCount, 50); id++) btf.type(id + 1);
      btf.enumNames('skb_drop_reason');
      btf.tracepointParameters('kfree_skb');
      btf.find('enum64', 'last');
    } catch (error) {
      // RangeError is what it refuses with; ERR_OUT_OF_RANGE would be a read beyond the end.
      if (!(error instanceof RangeError) || 'code' in error) throw error;
    }
  };

  test('a sample, cut short, changed, and noise', () => {
    for (let length = 0; length <= btfSample.length; length++) read(btfSample.subarray(0, length));
    const changed = fc
      .array(fc.tuple(fc.nat(btfSample.length - 1), fc.nat(255)), { minLength: 1, maxLength: 6 })
      .map((changes) => {
        const bytes = Buffer.from(btfSample);
        for (const [at, value] of changes) bytes[at] = value;
        return bytes;
      });
    const noisy = fc.uint8Array({ maxLength: 200, size: 'max' }).map((body) => {
      const bytes = Buffer.from(body);
      if (bytes.length >= 8) {
        bytes.writeUInt16LE(0xeb9f, 0);
        bytes.writeUInt32LE(24, 4);
      }
      return bytes;
    });
    fc.assert(fc.property(fc.oneof(changed, noisy), read), { seed, numRuns: 12_000 });
  });

  test.runIf(existsSync(vmlinuxBtfPath))('the kernel’s own, its header and first types changed', () => {
    const kernel = readFileSync(vmlinuxBtfPath);
    fc.assert(
      fc.property(fc.nat(23), fc.nat(255), fc.nat(2000), fc.nat(255), (at, value, deeper, other) => {
        const bytes = Buffer.from(kernel);
        bytes[at] = value;
        bytes[24 + deeper] = other;
        read(bytes);
      }),
      { seed, numRuns: 20 },
    );
  });
});

test('all in all at least 100,000 inputs', () => {
  expect(inputs).toBeGreaterThanOrEqual(100_000);
});
