import { expect, test } from 'vitest';
import {
  emptyPacketQuery,
  packetQueryString,
  parsePacketQuery,
  validatePacketQuery,
} from '../../../app/rules/_explain/packet-query.ts';

const form = { ...emptyPacketQuery, source: 'shop.cart', destination: '10.0.0.1', port: '443' };

test('a request contains only the fields of its protocol', () => {
  expect(validatePacketQuery(form)).toEqual({
    request: { set: 'active', source: 'shop.cart', destination: '10.0.0.1', protocol: 'tcp', port: 443 },
  });
  expect(validatePacketQuery({ ...form, protocol: 'icmp', code: '' })).toMatchObject({
    request: { protocol: 'icmp', icmp: { type: 8, code: 0 } },
  });
  expect(validatePacketQuery({ ...form, protocol: '47' })).toMatchObject({ request: { protocol: 47 } });
});

test('missing fields are reported by name', () => {
  expect(validatePacketQuery({ ...emptyPacketQuery, protocol: 'gre' })).toEqual({
    problems: {
      source: 'Enter an address or a pod',
      destination: 'Enter an address or a pod',
      protocol: 'Enter a protocol name or a number from 0 to 255',
    },
  });
  expect(validatePacketQuery({ ...form, port: '70000' })).toEqual({
    problems: { port: 'Enter a port from 0 to 65535' },
  });
});

test('a request is kept by its address', () => {
  for (const one of [form, { ...form, protocol: 'icmp', type: '3', code: '4', port: '' }])
    expect(parsePacketQuery(new URLSearchParams(packetQueryString(one)))).toEqual(one);
  expect(parsePacketQuery(new URLSearchParams())).toEqual(emptyPacketQuery);
});
