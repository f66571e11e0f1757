import { describe, expect, it } from 'vitest';
import { countLostPings, findLongestTimeGap } from '../../../bench/pings.ts';

const replies = Float64Array.from([100, 102, 0, 106, 108, 130, 132]);

describe('a pinger’s account', () => {
  it('counts requests without a reply as lost', () => {
    expect(countLostPings({ family: 'ipv4', sent: replies, arrived: replies })).toBe(1);
  });

  it('takes a lost reply as part of the gap between its neighbors', () => {
    expect(findLongestTimeGap(replies, 100, 107)).toBe(4);
  });

  it('takes a gap that reaches into the window, and none beside it', () => {
    expect(findLongestTimeGap(replies, 110, 120)).toBe(22);
    expect(findLongestTimeGap(replies, 90, 101)).toBe(2);
    expect(findLongestTimeGap(replies, 140, 150)).toBe(0);
  });
});
