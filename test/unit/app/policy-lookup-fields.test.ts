import { expect, test } from 'vitest';
import {
  buildPolicyLookupQuery,
  emptyPolicyLookupFields,
  parsePolicyLookupFields,
  validatePolicyLookup,
} from '../../../app/rules/_explain/policy-lookup-fields.ts';

const form = { ...emptyPolicyLookupFields, source: 'shop.cart', destination: '10.0.0.1', port: '443' };

test('a request contains only the fields of its protocol', () => {
  expect(validatePolicyLookup(form)).toEqual({
    request: { set: 'active', source: 'shop.cart', destination: '10.0.0.1', protocol: 'tcp', port: 443 },
  });
  expect(validatePolicyLookup({ ...form, protocol: 'icmp', code: '' })).toMatchObject({
    request: { protocol: 'icmp', icmp: { type: 8, code: 0 } },
  });
  expect(validatePolicyLookup({ ...form, protocol: '47' })).toMatchObject({ request: { protocol: 47 } });
});

test('missing fields are reported by name', () => {
  expect(validatePolicyLookup({ ...emptyPolicyLookupFields, protocol: 'gre' })).toEqual({
    problems: {
      source: 'Enter an address or a pod',
      destination: 'Enter an address or a pod',
      protocol: 'Enter a protocol name or a number from 0 to 255',
    },
  });
  expect(validatePolicyLookup({ ...form, port: '70000' })).toEqual({
    problems: { port: 'Enter a port from 0 to 65535' },
  });
});

test('a request is kept by its address', () => {
  for (const one of [form, { ...form, protocol: 'icmp', type: '3', code: '4', port: '' }])
    expect(parsePolicyLookupFields(new URLSearchParams(buildPolicyLookupQuery(one)))).toEqual(one);
  expect(parsePolicyLookupFields(new URLSearchParams())).toEqual(emptyPolicyLookupFields);
});
