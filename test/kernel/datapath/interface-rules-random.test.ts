import fc from 'fast-check';
import { expect, test } from 'vitest';
import {
  addInterfaceTwins,
  removeInterfaceTwins,
} from '../../../server/datapath/migration/interface-rules.ts';
import { addresses, type FirewallFixture, firewallFixture, udpSocket } from './firewall.ts';

const port = 4000;
const names = fc.constantFrom('"eth0"', '"lo"', '"eth*"', '"t*"', '"eth1"');
const operator = fc.constantFrom('', '!= ');
const few = fc.uniqueArray(fc.constantFrom('"eth0"', '"lo"', '"eth1"'), { minLength: 1, maxLength: 3 });
const keys = fc
  .uniqueArray(fc.constantFrom('"eth0" . 4000', '"eth0" . 5', '"lo" . 4000', '"lo" . 1'), { minLength: 1 })
  .map((all) => `{ ${all.join(', ')} }`);
const list = (all: readonly string[]): string => `{ ${all.join(', ')} }`;

/** A condition on the device, `DIR` standing for `iif` or `oif`, or on something else. */
const condition = fc.oneof(
  fc.tuple(operator, names).map(([not, name]) => `DIRname ${not}${name}`),
  fc.tuple(operator, few).map(([not, all]) => `DIRname ${not}${list(all)}`),
  operator.map((not) => `DIRname ${not}{ "eth*", "lo" }`),
  fc.tuple(operator, fc.constantFrom('eth0', 'lo')).map(([not, name]) => `DIR ${not}${name}`),
  operator.map((not) => `DIR ${not}{ eth0, lo }`),
  fc.tuple(operator, keys).map(([not, all]) => `DIRname . udp dport ${not}${all}`),
  fc
    .tuple(operator, fc.constantFrom('names', 'prefixes', 'fixed', 'full'))
    .map(([not, set]) => `DIRname ${not}@${set}`),
  operator.map((not) => `DIRname . udp dport ${not}@services`),
  operator.map((not) => `DIR ${not}@indexes`),
  fc.constantFrom('udp dport 4000', 'udp dport { 1, 4000 }', 'ip ttl > 1', 'udp dport 1'),
);

/** What a rule does: each sets a bit of its own, or ends the chain, or looks the device up in a map. */
const action = fc.oneof(
  { weight: 5, arbitrary: fc.constant('BIT') },
  { weight: 1, arbitrary: fc.constant('return') },
  {
    weight: 1,
    arbitrary: fc.constantFrom(
      'DIRname vmap { eth0 : jump a, lo : jump b }',
      'DIRname vmap { lo : jump a, * : jump b }',
      'DIRname vmap { eth0 : jump a, * : jump b }',
      'DIRname vmap @chains',
      'DIRname . udp dport vmap { eth0 . 4000 : jump a, lo . 1 : jump b }',
      'meta mark set DIRname map { eth0 : 0x40000000, lo : 0x1 }',
      'meta mark set DIRname map @marks',
    ),
  },
);
const rule = fc
  .tuple(fc.array(condition, { maxLength: 3 }), action)
  .map(([conditions, what]) => [...conditions, 'counter', what].join(' '));

const chain = (rules: readonly string[], direction: 'iif' | 'oif'): string =>
  rules
    .map((text, bit) =>
      text.replaceAll('DIR', direction).replace('BIT', `meta mark set meta mark or ${2 ** bit}`),
    )
    .join('\n');

const ruleset = (rules: readonly string[]): string => `flush ruleset
  table inet f {
    set names { type ifname; elements = { eth0, eth1 }; }
    set services { type ifname . inet_service; elements = { eth0 . 4000, lo . 4000 }; }
    set prefixes { type ifname; flags interval; elements = { "eth*", "lo" }; }
    set fixed { type ifname; flags constant; elements = { eth0, lo }; }
    set full { type ifname; size 2; elements = { eth0, lo }; }
    set indexes { type iface_index; elements = { eth0, lo }; }
    map chains { type ifname : verdict; elements = { eth0 : jump a, lo : jump b }; }
    map marks { type ifname : mark; elements = { eth0 : 0x20000000, lo : 2 }; }
    set seen { type ifname . mark; size 64; flags dynamic; }
    chain a { meta mark set meta mark or 0x4000000; }
    chain b { meta mark set meta mark or 0x8000000; }
    chain in { ${chain(rules, 'iif')}
    }
    chain out { ${chain(rules, 'oif')}
    }
    chain input { type filter hook input priority 0; udp dport ${port} jump in; udp dport ${port} update @seen { iifname . meta mark }; }
    chain output { type filter hook output priority 0; udp dport ${port} jump out; udp dport ${port} update @seen { oifname . meta mark }; }
  }`;

/** Sends a packet to and from the pod on each device. @returns the marks that it has after the rules, by device */
async function marks(fixture: FirewallFixture): Promise<Record<string, number[]>> {
  fixture.run('nft', 'flush', 'set', 'inet', 'f', 'seen');
  for (const { pod, outside } of Object.values(addresses)) {
    using near = await udpSocket(fixture.pod, pod, port);
    using far = await udpSocket(fixture.outside, outside, port);
    await near.send('out', [outside, port]);
    await expect.poll(() => far.received).toEqual(['out']);
    await far.send('in', [pod, port]);
    await expect.poll(() => near.received).toEqual(['in']);
  }
  const shown = JSON.parse(fixture.run('nft', '-j', 'list', 'set', 'inet', 'f', 'seen')).nftables;
  // biome-ignore lint/suspicious/noExplicitAny: whatever nft prints
  const elements: any[] = shown.find((each: { set?: object }) => each.set).set.elem ?? [];
  const byDevice: Record<string, number[]> = {};
  for (const { concat } of elements.map((each) => each.elem?.val ?? each)) {
    byDevice[concat[0]] = [...(byDevice[concat[0]] ?? []), concat[1]].sort((a, b) => a - b);
  }
  fixture.run('nft', 'flush', 'set', 'inet', 'f', 'seen');
  return byDevice;
}

test('with any rules, packets of the second device are treated as those of the pod’s, and the rules come back', async () => {
  using fixture = firewallFixture();
  const { pod, device, other } = fixture;
  await fc.assert(
    fc.asyncProperty(fc.array(rule, { minLength: 4, maxLength: 20 }), async (rules) => {
      fixture.load(ruleset(rules));
      const { eth0 } = await marks(fixture);
      const before = fixture.list();
      const found = await addInterfaceTwins(pod.fd, device, other);
      expect(found.filter(({ treatment }) => treatment === 'impossible')).toEqual([]);
      expect(await marks(fixture)).toEqual({ eth0, tmp7: eth0 });
      await removeInterfaceTwins(pod.fd, device, null);
      expect(fixture.list()).toBe(before);
      await addInterfaceTwins(pod.fd, device, other);
      pod.batch([`link set eth0 name old`, `link set tmp7 name eth0`]);
      expect((await marks(fixture)).eth0).toEqual(eth0);
      await removeInterfaceTwins(pod.fd, device, { ...other, name: 'eth0' });
      expect((await marks(fixture)).eth0).toEqual(eth0);
      expect(fixture.list()).toBe(before);
      pod.batch([`link set eth0 name tmp7`, `link set old name eth0`]);
    }),
    { numRuns: 12, endOnFailure: true },
  );
}, 600_000);
