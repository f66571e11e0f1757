import { describe, expect, test } from 'vitest';
import { type CniResult, formatCniResult, parseCniResult } from '../../../contract/cni-result.ts';
import { cniVersions } from '../../../contract/cni-version.ts';

const result: CniResult = {
  interfaces: [
    { name: 'pl1', mac: '02:00:00:00:00:01', mtu: 1500 },
    { name: 'eth0', mac: '02:00:00:00:00:02', mtu: 1500, sandbox: '/n' },
  ],
  ips: [
    { address: '10.0.0.2/32', gateway: '169.254.1.1', interface: 1 },
    { address: 'fd00::2/128', gateway: 'fe80::1', interface: 1 },
  ],
  routes: [
    { dst: '0.0.0.0/0', gw: '169.254.1.1' },
    { dst: '10.9.0.0/16', gw: '169.254.1.1', mtu: 1400, priority: 5 },
    { dst: '::/0', gw: 'fe80::1' },
  ],
  dns: { nameservers: ['10.0.0.53'] },
};
const format = (version: (typeof cniVersions)[number]) => JSON.parse(JSON.stringify(formatCniResult(result, version)));

test('0.1.0 and 0.2.0 have an address of each family with its routes', () => {
  for (const version of ['0.1.0', '0.2.0'] as const)
    expect(format(version)).toEqual({
      cniVersion: version,
      ip4: {
        ip: '10.0.0.2/32',
        gateway: '169.254.1.1',
        routes: [
          { dst: '0.0.0.0/0', gw: '169.254.1.1' },
          { dst: '10.9.0.0/16', gw: '169.254.1.1' },
        ],
      },
      ip6: { ip: 'fd00::2/128', gateway: 'fe80::1', routes: [{ dst: '::/0', gw: 'fe80::1' }] },
      dns: { nameservers: ['10.0.0.53'] },
    });
});

test('0.3.0 to 0.4.0 have the family of each address; MTU and metrics came with 1.1.0', () => {
  for (const version of ['0.3.0', '0.3.1', '0.4.0', '1.0.0'] as const) {
    const { ips, interfaces, routes } = format(version);
    expect(ips.map((ip: { version?: string }) => ip.version)).toEqual(
      version === '1.0.0' ? [undefined, undefined] : ['4', '6'],
    );
    expect(interfaces[1]).toEqual({ name: 'eth0', mac: '02:00:00:00:00:02', sandbox: '/n' });
    expect(routes[1]).toEqual({ dst: '10.9.0.0/16', gw: '169.254.1.1' });
  }
  expect(format('1.1.0')).toEqual({ cniVersion: '1.1.0', ...result });
});

describe('parsing', () => {
  test.each(cniVersions)('a result of %s is read as it was written, as far as that has fields', (version) => {
    const parsed = parseCniResult(format(version), '1.1.0');
    expect(parsed.ips.map(({ address }) => address)).toEqual(['10.0.0.2/32', 'fd00::2/128']);
    expect(parsed.routes.map(({ dst }) => dst)).toEqual(['0.0.0.0/0', '10.9.0.0/16', '::/0']);
    expect(parsed.dns).toEqual(result.dns);
    if (version === '1.1.0') expect(parsed).toEqual(result);
  });

  test('a result that says no version is in that of the configuration', () => {
    expect(parseCniResult({ ip4: { ip: '10.0.0.3/24' } }, '0.2.0').ips).toEqual([{ address: '10.0.0.3/24' }]);
    expect(parseCniResult({ ip4: { ip: '10.0.0.3/24' } }, '1.0.0').ips).toEqual([]);
  });

  test('null lists are empty, and fields of others are kept where the form has them', () => {
    expect(parseCniResult({ cniVersion: '1.0.0', interfaces: null, ips: null, routes: null, dns: null }, '1.0.0')).toEqual({
      interfaces: [],
      ips: [],
      routes: [],
      dns: {},
    });
    expect(
      parseCniResult({ cniVersion: '1.1.0', interfaces: [{ name: 'a', socketPath: '/s', pciID: 'p' }] }, '1.1.0')
        .interfaces,
    ).toEqual([{ name: 'a', socketPath: '/s', pciID: 'p' }]);
  });
});
