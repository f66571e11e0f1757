import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { guardThresholdDefaults } from '../../../contract/guard-thresholds.ts';
import {
  computeInternetChecksum,
  decodeEchoReply,
  encodeEchoRequest,
} from '../../../server/datapath/echo/icmp-message.ts';
import type { EchoOutcome } from '../../../server/datapath/echo/icmp-socket.ts';
import {
  assessProbeRecord,
  initialProbeRecord,
  probeDelayMs,
  recordProbeOutcome,
  resetProbeFailures,
} from '../../../server/datapath/guard/probe-record.ts';

const rules = { ...guardThresholdDefaults, probeFailures: 3, probeSeconds: 5 };
const silence: EchoOutcome = { why: 'no answer within 1000 ms' };
const after = (outcomes: EchoOutcome[]) =>
  outcomes.reduce((record, outcome, i) => recordProbeOutcome(record, outcome, i * 1000), initialProbeRecord);
const state = (outcomes: EchoOutcome[], sure = false) =>
  assessProbeRecord('ICMP echo to 10.42.0.2', after(outcomes), sure, rules, 9000).state;

describe('a probe', () => {
  test('fails after so many in a row, if it was ever answered', () => {
    expect(state([])).toBe('unknown');
    expect(state([{ ms: 1 }])).toBe('healthy');
    expect(state([{ ms: 1 }, silence, silence])).toBe('healthy');
    expect(state([{ ms: 1 }, silence, silence, silence])).toBe('failing');
    expect(state([{ ms: 1 }, silence, silence, { ms: 1 }, silence])).toBe('healthy');
    expect(state(Array(50).fill(silence))).toBe('unknown');
  });

  test('to a chosen port fails without an answer before', () => {
    expect(state([silence, silence, silence], true)).toBe('failing');
  });

  test('reports the measurement, the threshold and the start', () => {
    const record = after([{ ms: 1 }, silence, silence, silence]);
    expect(assessProbeRecord('ICMP echo to 10.42.0.2', record, false, rules, 9000)).toEqual({
      state: 'failing',
      evidence:
        'ICMP echo to 10.42.0.2: 3 in a row without answer (threshold 3), last answered 9 s ago; no answer within 1000 ms',
      since: 1000,
    });
  });

  test('is repeated without a pause while it may be failing, and takes its time otherwise', () => {
    expect(probeDelayMs(after([{ ms: 1 }]), rules)).toBe(5000);
    expect(probeDelayMs(after([{ ms: 1 }, silence]), rules)).toBe(0);
    expect(probeDelayMs(after([{ ms: 1 }, silence, silence, silence]), rules)).toBe(5000);
    expect(probeDelayMs(after([silence]), rules)).toBe(5000);
  });

  test('is counted anew after an action, and still known to have been answered before', () => {
    const record = resetProbeFailures(after([{ ms: 1 }, silence, silence, silence]));
    expect(record).toMatchObject({ failures: 0, answered: true });
    expect(assessProbeRecord('x', recordProbeOutcome(record, silence, 9000), false, rules, 9000).state).toBe(
      'healthy',
    );
  });
});

const echo = fc.record({
  identifier: fc.nat(0xffff),
  sequence: fc.nat(0xffff),
  nonce: fc.bigInt(0n, 2n ** 64n - 1n),
});

describe('an echo', () => {
  test('is decoded as it was encoded, with any options in the IP header', () => {
    fc.assert(
      fc.property(echo, fc.integer({ min: 5, max: 15 }), (asked, words) => {
        const message4 = encodeEchoRequest('ipv4', asked);
        expect(computeInternetChecksum(message4)).toBe(0);
        message4.writeUInt8(0, 0);
        const header = Buffer.alloc(words * 4);
        header.writeUInt8(0x40 | words, 0);
        expect(decodeEchoReply('ipv4', Buffer.concat([header, message4]))).toEqual(asked);
        const message6 = encodeEchoRequest('ipv6', asked);
        message6.writeUInt8(129, 0);
        expect(decodeEchoReply('ipv6', message6)).toEqual(asked);
      }),
    );
  });

  test('of arbitrary bytes is decoded or refused, never read past its end', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 80 }), fc.constantFrom('ipv4', 'ipv6'), (bytes, family) => {
        const read = decodeEchoReply(family, Buffer.from(bytes));
        if (read !== null) expect(bytes.length).toBeGreaterThanOrEqual(16);
      }),
      { numRuns: 5000 },
    );
  });

  test('that is a request is no answer', () => {
    expect(
      decodeEchoReply('ipv6', encodeEchoRequest('ipv6', { identifier: 1, sequence: 1, nonce: 1n })),
    ).toBeNull();
  });
});
