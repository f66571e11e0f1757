import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  findHealthRegression,
  findTrafficLoss,
  type PodTrafficReading,
} from '../../../server/datapath/batch/health-regression.ts';

const at = (ms: number, more: Partial<PodTrafficReading> = {}): PodTrafficReading => ({
  at: ms,
  egressPackets: 0,
  ingressPackets: 0,
  drops: 0,
  failed: 0,
  ...more,
});
const before = (more: Partial<PodTrafficReading>) => ({ from: at(0), to: at(1000, more) });

describe('traffic loss', () => {
  const busy = before({ egressPackets: 50, ingressPackets: 50 });
  const after = (more: Partial<PodTrafficReading>) => ({
    from: at(1200, { egressPackets: 60, ingressPackets: 60 }),
    to: at(2200, { egressPackets: 60, ingressPackets: 60, ...more }),
  });

  test.each<[string, Partial<PodTrafficReading>, RegExp | null]>([
    ['both directions flow', { egressPackets: 61, ingressPackets: 61 }, null],
    [
      'nothing leaves',
      { ingressPackets: 99 },
      /^no packet left the pod for 1000 ms .* 50 did in 1000 ms before$/,
    ],
    ['nothing arrives', { egressPackets: 99 }, /^no packet reached the pod/],
  ])('%s', (_, more, sentence) => {
    const found = findTrafficLoss(busy, after(more));
    if (sentence === null) expect(found).toBeNull();
    else expect(found).toMatch(sentence);
  });

  test('of a direction with little traffic before is no fault', () => {
    expect(findTrafficLoss(before({ egressPackets: 4, ingressPackets: 0 }), after({}))).toBeNull();
  });
});

describe('a health regression', () => {
  test.each<[string, Partial<PodTrafficReading>, Partial<PodTrafficReading>, RegExp | null]>([
    ['no drops at all', {}, {}, null],
    ['a few stray ones', {}, { drops: 10 }, null],
    ['drops where there were none', {}, { drops: 11 }, /dropped 11 of its packets .* 0 in the same time/],
    ['as many as before', { drops: 500 }, { drops: 1500 }, null],
    ['three times as many', { drops: 500 }, { drops: 3500 }, /dropped 3000 .* 1000 in the same time/],
    ['a failed request', {}, { failed: 1 }, /^1 of its requests failed/],
    ['failures that were there before', { failed: 3 }, { failed: 9 }, null],
    ['nobody counts requests', { failed: null }, { failed: null }, null],
  ])('%s', (_, had, has, sentence) => {
    const found = findHealthRegression(before(had), at(3000, has));
    if (sentence === null) expect(found).toBeNull();
    else expect(found).toMatch(sentence);
  });

  test('is never detected in traffic that continues unchanged', () => {
    const rate = fc.integer({ min: 0, max: 1_000_000 });
    fc.assert(
      fc.property(rate, rate, rate, fc.integer({ min: 1, max: 60 }), (packets, drops, failed, seconds) => {
        const reading = (s: number): PodTrafficReading =>
          at(s * 1000, {
            egressPackets: packets * s,
            ingressPackets: packets * s,
            drops: drops * s,
            failed: failed * s,
          });
        const span = { from: reading(0), to: reading(seconds) };
        const after = { from: span.to, to: reading(2 * seconds) };
        expect(findHealthRegression(span, after.to) ?? findTrafficLoss(span, after)).toBeNull();
      }),
    );
  });
});
