import { expect, test } from 'vitest';
import {
  decodePacketHeaders,
  formatTcpFlags,
  toPacketHeadersResponse,
} from '../../../server/trace/packet-headers.ts';
import { echo, packet, tcp, udp } from './packet-fixtures.ts';

const [a4, b4, a6, b6] = ['10.42.0.1', '10.42.0.2', 'fd00::1', 'fd00::2'] as const;

test('headers of both families are decoded: ports, flags, echo, identification, length', () => {
  expect(
    decodePacketHeaders(
      packet({
        source: a4,
        destination: b4,
        protocol: 6,
        payload: tcp(40000, 80, 0x12, 7),
        identification: 99,
      }),
    ),
  ).toMatchObject({
    family: 4,
    source: a4,
    destination: b4,
    protocol: 6,
    sourcePort: 40000,
    destinationPort: 80,
    ttl: 64,
    length: 40,
    identification: 99,
    tcp: { flags: 0x12, sequence: 7 },
    icmp: null,
  });
  expect(
    decodePacketHeaders(
      packet({ source: a6, destination: b6, protocol: 58, payload: echo(128, 5, 6), ttl: 9 }),
    ),
  ).toMatchObject({
    family: 6,
    source: a6,
    destination: b6,
    protocol: 58,
    sourcePort: null,
    ttl: 9,
    length: 104,
    icmp: { type: 128, code: 0, identifier: 5, sequence: 6 },
  });
});

test('IPv6 extension headers are skipped, and later fragments have no ports', () => {
  const options = Buffer.from([17, 0, 1, 4, 0, 0, 0, 0]);
  const behind = decodePacketHeaders(
    packet({ source: a6, destination: b6, protocol: 60, payload: Buffer.concat([options, udp(1, 53)]) }),
  );
  expect(behind).toMatchObject({ protocol: 17, sourcePort: 1, destinationPort: 53 });
  const fragment = Buffer.from([17, 0, 0x05, 0xa8, 0, 0, 0, 1]);
  const later = decodePacketHeaders(
    packet({ source: a6, destination: b6, protocol: 44, payload: Buffer.concat([fragment, udp(1, 53)]) }),
  );
  expect(later).toMatchObject({ protocol: 17, fragmentOffset: 0x5a8, destinationPort: null });
  const bytes = packet({ source: a4, destination: b4, protocol: 17, payload: udp(1, 53) });
  bytes.writeUInt16BE(10, 6);
  expect(decodePacketHeaders(bytes)).toMatchObject({ fragmentOffset: 80, sourcePort: null });
});

test('a truncated packet is decoded as far as possible, and null without a whole IP header', () => {
  const whole = packet({ source: a4, destination: b4, protocol: 6, payload: tcp(1, 2, 2) });
  expect(decodePacketHeaders(whole.subarray(0, 19))).toBeNull();
  expect(decodePacketHeaders(Buffer.alloc(40))).toBeNull();
  expect(decodePacketHeaders(whole.subarray(0, 24))).toMatchObject({
    sourcePort: 1,
    destinationPort: 2,
    tcp: null,
  });
});

test('flags are formatted as by tcpdump, protocols by name', () => {
  expect([0x02, 0x12, 0x10, 0x18, 0x04, 0x11].map(formatTcpFlags)).toEqual(['S', 'S.', '.', 'P.', 'R', 'F.']);
  const headers = decodePacketHeaders(
    packet({ source: a4, destination: b4, protocol: 47, payload: Buffer.alloc(8) }),
  )!;
  const pod = { id: 'b', namespace: 'shop', name: 'cart' };
  const names = {
    endpoint: (address: string, port: number | null) => ({ address, port, pod: address === b4 ? pod : null }),
  };
  expect(toPacketHeadersResponse(headers, 28, names)).toMatchObject({
    protocolName: '47',
    length: 28,
    tcpFlags: null,
    source: { address: a4, port: null, pod: null },
    destination: { address: b4, port: null, pod },
  });
});
