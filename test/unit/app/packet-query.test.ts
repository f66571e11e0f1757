import { expect, test } from 'vitest';
import {
  emptyPacketQuery,
  packetQueryString,
  parsePacketQuery,
  validatePacketQuery,
} from '../../../app/rules/_explain/packet-query.ts';

const form = { ...emptyPacketQuery, source: 'shop.cart', destination: '10.0.0.1', port: '443' };

test('a question asks for what its protocol has', () => {
  expect(validatePacketQuery(form)).toEqual({
    question: { set: 'active', source: 'shop.cart', destination: '10.0.0.1', protocol: 'tcp', port: 443 },
  });
  expect(validatePacketQuery({ ...form, protocol: 'icmp', code: '' })).toMatchObject({
    question: { protocol: 'icmp', icmp: { type: 8, code: 0 } },
  });
  expect(validatePacketQuery({ ...form, protocol: '47' })).toMatchObject({ question: { protocol: 47 } });
});

test('what is missing is told by field', () => {
  expect(validatePacketQuery({ ...emptyPacketQuery, protocol: 'gre' })).toEqual({
    problems: {
      source: 'an address, or a pod',
      destination: 'an address, or a pod',
      protocol: 'a name, or a number up to 255',
    },
  });
  expect(validatePacketQuery({ ...form, port: '70000' })).toEqual({ problems: { port: '0 to 65535' } });
});

test('a question is kept by its address', () => {
  for (const one of [form, { ...form, protocol: 'icmp', type: '3', code: '4', port: '' }])
    expect(parsePacketQuery(new URLSearchParams(packetQueryString(one)))).toEqual(one);
  expect(parsePacketQuery(new URLSearchParams())).toEqual(emptyPacketQuery);
});
