import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { InterfaceReference } from '../../../server/datapath/migration/interface-rules/interface-reference.ts';
import {
  addInterfaceTwins,
  findInterfaceRules,
  removeInterfaceTwins,
} from '../../../server/datapath/migration/interface-rules.ts';
import { addresses, type FirewallFixture, firewallFixture, isReachable } from './firewall.ts';

type Treatment = InterfaceReference['treatment'] | null;

/** Gives a second device the name, as the switch of a migration does. */
function switchNames({ pod, device, other }: FirewallFixture): void {
  pod.batch([`link set ${device.name} name old`, `link set ${other.name} name ${device.name}`]);
}

const inChain = (rule: string): string =>
  `table inet f {
    set names { type ifname; elements = { eth0, "eth1" comment "one" }; }
    set pairs { type ifname . ifname; elements = { eth0 . eth0, eth0 . lo }; }
    set services { type ifname . inet_service; elements = { eth0 . 22, lo . 80 }; }
    set prefixes { type ifname; flags interval; elements = { "eth*", "lo" }; }
    set fixed { type ifname; flags constant; elements = { eth0, lo }; }
    set full { type ifname; size 2; elements = { eth0, lo }; }
    set indexes { type iface_index; elements = { eth0, lo }; }
    map chains { type ifname : verdict; elements = { eth0 : jump other, lo : accept }; }
    map marks { type ifname : mark; elements = { eth0 : 1, lo : 2 }; }
    counter hits { }
    chain other { accept; }
    chain c { type filter hook forward priority 0; policy drop;
      ${rule}
    }
  }`;

/** Treatment of one rule in a chain, and of the set elements that it uses. */
const rules: [rule: string, treatment: Treatment][] = [
  ['iifname "eth0" accept', 'twin'],
  ['iifname "eth0" counter accept comment "from the pod"', 'twin'],
  ['oifname "eth0" limit rate 10/second accept', 'twin'],
  ['oifname "eth0" quota 10 mbytes accept', 'twin'],
  ['iifname "eth0" oifname "eth0" accept', 'twin'],
  ['iifname "eth0" tcp dport { 22, 80 } ip saddr 10.0.0.0/8 accept', 'twin'],
  ['iifname { "eth0", "eth1" } tcp dport { 22, 80-90 } accept', 'twin'],
  ['iifname "eth0" ct state established,related accept', 'twin'],
  ['iifname "eth0" ct count over 10 drop', 'twin'],
  ['iifname "eth0" counter name hits accept', 'twin'],
  ['iifname "eth0" log prefix "eth0 " reject with icmpx port-unreachable', 'twin'],
  ['iifname "eth*" accept', 'twin'],
  ['iifname "t*" accept', 'replace'],
  ['iifname != "eth0" drop', 'replace'],
  ['iifname != "eth0" counter drop comment "not from the pod"', 'replace'],
  ['iifname != { "eth0", "lo" } tcp dport { 1, 2 } counter drop', 'replace'],
  ['iifname "eth0" oifname != "eth0" accept', 'replace'],
  ['iifname @names accept', null],
  ['iifname != @names drop', null],
  ['iifname . tcp dport @services accept', null],
  ['iifname . oifname @pairs accept', null],
  ['iifname vmap @chains', null],
  ['meta mark set iifname map @marks', null],
  ['iifname . tcp dport { eth0 . 22, lo . 80 } accept', 'twin'],
  ['iifname . tcp dport != { eth0 . 22, lo . 80 } drop', 'replace'],
  ['iifname @prefixes accept', 'twin'],
  ['iifname @fixed accept', 'twin'],
  ['iifname @full accept', 'twin'],
  ['iifname { "eth*", "lo" } accept', 'twin'],
  ['iifname vmap { eth0 : jump other, lo : accept }', 'twin'],
  ['iifname vmap { eth0 : jump other, lo : accept, * : drop }', 'replace'],
  ['meta mark set iifname map { eth0 : 1, lo : 2 }', 'twin'],
  ['iifname . tcp dport vmap { eth0 . 22 : accept, lo . 80 : drop }', 'twin'],
  ['iif eth0 accept', 'replace'],
  ['iif != eth0 drop', 'replace'],
  ['iif { eth0, lo } accept', 'replace'],
  ['iif @indexes accept', null],
  ['iif vmap { eth0 : jump other, lo : accept }', 'replace'],
  ['fib saddr oifname "eth0" accept', 'twin'],
  ['iifname "eth0" jump { tcp dport 1 accept; }', 'impossible'],
  ['meta iifkind "veth" accept', 'impossible'],
  ['fib saddr . iif oif 0 drop', null],
  ['iifname "lo" accept', null],
  ['iifname != "lo" accept', null],
  ['tcp dport { 22, 80 } accept', null],
];

describe('a rule set with', () => {
  let fixture: FirewallFixture;
  beforeAll(() => {
    fixture = firewallFixture();
  });
  afterAll(() => fixture[Symbol.dispose]());

  test.each(rules)('%s', async (rule, treatment) => {
    const { pod, device, other } = fixture;
    fixture.load(`flush ruleset\n${inChain(rule)}`);
    const before = fixture.list();
    const found = await findInterfaceRules(pod.fd, device, other);
    expect(found.find(({ place }) => place.startsWith('rule inet f c '))?.treatment ?? null).toBe(treatment);
    expect(fixture.list()).toBe(before);

    await addInterfaceTwins(pod.fd, device, other);
    const added = fixture.list();
    expect(added).not.toBe(before);
    await addInterfaceTwins(pod.fd, device, other);
    expect(fixture.list()).toBe(added);
    await removeInterfaceTwins(pod.fd, device, null);
    expect(fixture.list()).toBe(before);

    await addInterfaceTwins(pod.fd, device, other);
    switchNames(fixture);
    await removeInterfaceTwins(pod.fd, device, { ...other, name: 'eth0' });
    expect(fixture.list()).toBe(before);
    await removeInterfaceTwins(pod.fd, device, { ...other, name: 'eth0' });
    expect(fixture.list()).toBe(before);
    pod.batch([`link set eth0 name ${other.name}`, 'link set old name eth0']);
  });
});

test('a twin is listed as one would write it', async () => {
  using fixture = firewallFixture();
  const { pod, device, other } = fixture;
  fixture.load(`table ip f { chain c {
    iifname "eth0" tcp dport { 22, 80 } counter accept
    iifname . tcp dport { eth0 . 22, lo . 80 } accept
    iifname . oifname { eth0 . eth0 } accept
    iifname vmap { eth0 : accept, lo : drop }
  }
  }`);
  await addInterfaceTwins(pod.fd, device, other);
  const twins = fixture.list().matchAll(/^\s*(.*) comment "podlane: migration twin/gm);
  expect(Array.from(twins, ([, text]) => text)).toEqual([
    'iifname "tmp7" tcp dport { 22, 80 } counter accept',
    'iifname "tmp7" iifname . tcp dport { "tmp7" . 22, "lo" . 80 } accept',
    'oifname "tmp7" iifname . oifname { "eth0" . "tmp7" } accept',
    'iifname "tmp7" oifname "tmp7" iifname . oifname { "tmp7" . "tmp7" } accept',
    'iifname "tmp7" iifname . oifname { "tmp7" . "eth0" } accept',
    'iifname "tmp7" accept',
  ]);
});

test('a wildcard that matches the temporary name too needs nothing', async () => {
  using fixture = firewallFixture('eth0n');
  const { pod, device, other } = fixture;
  fixture.load('table ip f { chain c { type filter hook input priority 0; iifname "eth*" accept; }; }');
  const before = fixture.list();
  expect(await addInterfaceTwins(pod.fd, device, other)).toEqual([
    { place: 'rule ip f c handle 2', by: 'name', treatment: 'none', text: 'matches eth0n as well' },
  ]);
  expect(fixture.list()).toBe(before);
});

test('rules of iptables-nft with extensions come back as they were', async () => {
  using fixture = firewallFixture();
  const { pod, device, other, run } = fixture;
  for (const line of [
    'iptables-nft -A INPUT -i eth0 -p tcp -m multiport --dports 1,2 -m comment --comment hey -j ACCEPT',
    'iptables-nft -A INPUT ! -i eth0 -p tcp -m tcp --tcp-flags SYN SYN -j REJECT --reject-with tcp-reset',
    'iptables-nft -A INPUT -i eth+ -m conntrack --ctstate ESTABLISHED -j ACCEPT',
    'iptables-nft -A FORWARD -i eth0 -o eth0 -p udp -m udp --dport 53 -m limit --limit 3/s -j MARK --set-mark 1',
    'iptables-nft -A FORWARD -o eth0 -p icmp -m icmp --icmp-type 8 -m recent --name r --set -j LOG --log-prefix eth0',
    'iptables-nft -t nat -A POSTROUTING -o eth0 -j MASQUERADE --random-fully',
    'iptables-nft -t nat -A PREROUTING -i eth0 -p tcp -m tcp --dport 80 -j DNAT --to-destination 10.0.0.9:8080',
    'iptables-nft -t mangle -A FORWARD -o eth0 -p tcp -m tcp --tcp-flags SYN,RST SYN -j TCPMSS --clamp-mss-to-pmtu',
    'iptables-nft -A FORWARD -m physdev --physdev-in eth0 -j DROP',
    'ip6tables-nft -A INPUT -i eth0 -p ipv6-icmp -m icmp6 --icmpv6-type 128 -j ACCEPT',
    'ip6tables-nft -A FORWARD -i eth0 -p udp -m multiport --sports 1:9 -j RETURN',
  ])
    run('sh', '-c', line);
  const saved = (): string =>
    (run('iptables-nft-save') + run('ip6tables-nft-save')).replaceAll(/^#.*\n/gm, '');
  const before = [fixture.list(), saved()];
  const found = await addInterfaceTwins(pod.fd, device, other);
  expect(found.filter(({ treatment }) => treatment === 'impossible').map(({ text }) => text)).toEqual([
    'names the interface in the xt extension physdev',
  ]);
  expect(saved().match(/-i tmp7|-o tmp7/g)).toHaveLength(12);
  await removeInterfaceTwins(pod.fd, device, null);
  expect([fixture.list(), saved()]).toEqual(before);
});

test.each([
  [
    'nft',
    `table inet f {
      chain i { type filter hook input priority 0; policy drop; iifname "eth0" accept; }
      chain o { type filter hook output priority 0; policy drop; oifname != "eth0" drop; accept; }
    }`,
  ],
  ['iptables-nft', null],
])('traffic passes a firewall of %s that names the interface, under the other name', async (_, text) => {
  using fixture = firewallFixture();
  const { pod, device, other, run } = fixture;
  if (text !== null) fixture.load(text);
  else
    for (const [chain, flag] of [
      ['INPUT', '-i'],
      ['OUTPUT', '-o'],
    ] as const) {
      run('iptables-nft', '-P', chain, 'DROP');
      run('iptables-nft', '-A', chain, flag, 'eth0', '-m', 'comment', '--comment', 'pod', '-j', 'ACCEPT');
    }
  const both = (): boolean[] =>
    [addresses.device.pod, addresses.other.pod].map((each) => isReachable(fixture, each));
  expect(both()).toEqual([true, false]);
  await addInterfaceTwins(pod.fd, device, other);
  expect(both()).toEqual([true, true]);
  switchNames(fixture);
  expect(isReachable(fixture, addresses.other.pod)).toBe(true);
  await removeInterfaceTwins(pod.fd, device, { ...other, name: 'eth0' });
  expect(both()).toEqual([false, true]);
});

test('two devices of one namespace get their twins independently, in any order', async () => {
  using fixture = firewallFixture();
  const { pod, device, other } = fixture;
  pod.batch(['link add second type veth peer name tmp8']);
  const second = { name: 'second', ifindex: pod.json('link', 'show', 'dev', 'second')[0].ifindex };
  const secondOther = { name: 'tmp8', ifindex: pod.json('link', 'show', 'dev', 'tmp8')[0].ifindex };
  fixture.load(`table ip f {
    set names { type ifname; elements = { eth0, second }; }
    chain c {
      iifname "eth0" oifname "second" counter accept
      iifname != { "eth0", "second" } drop comment "neither"
      iifname != "eth0" iifname != "second" drop
      iif != { eth0, second } iifname != "eth0" tcp dport { 1, 2 } drop
      iifname { "eth0", "second" } oifname @names accept
    }
  }`);
  const before = fixture.list();
  const steps = {
    add: () => addInterfaceTwins(pod.fd, device, other),
    remove: () => removeInterfaceTwins(pod.fd, device, null),
    addSecond: () => addInterfaceTwins(pod.fd, second, secondOther),
    removeSecond: () => removeInterfaceTwins(pod.fd, second, null),
  };
  for (const order of [
    ['add', 'addSecond', 'remove', 'removeSecond'],
    ['add', 'addSecond', 'removeSecond', 'remove'],
    ['addSecond', 'add', 'removeSecond', 'addSecond', 'remove', 'removeSecond'],
  ] as const) {
    for (const step of order) await steps[step]();
    expect(fixture.list()).toBe(before);
  }
  await steps.add();
  await steps.addSecond();
  expect(fixture.list()).toContain('iifname "tmp7" oifname "tmp8" counter accept');
});

test('a table of another process and what is bound to the device are named, and the rest gets its twins', async () => {
  using fixture = firewallFixture();
  const { pod, device, other } = fixture;
  const owner = spawn('ip', ['netns', 'exec', pod.name, 'nft', '-i'], { stdio: ['pipe', 'pipe', 'pipe'] });
  try {
    owner.stdin.write('add table ip owned { flags owner; chain c { iifname "eth0" accept; }; }\n');
    fixture.load(`table ip f { chain c { iifname "eth0" accept; }; }
      table netdev n { chain ingress { type filter hook ingress device "eth0" priority 0; }; }`);
    await expect.poll(() => fixture.list()).toContain('table ip owned');
    const found = await addInterfaceTwins(pod.fd, device, other);
    expect(found.map(({ place, treatment }) => [place.replace(/ handle \d+/, ''), treatment]).sort()).toEqual(
      [
        ['chain netdev n ingress', 'impossible'],
        ['rule ip f c', 'twin'],
        ['rule ip owned c', 'impossible'],
      ],
    );
    expect(fixture.list().match(/podlane/g)).toHaveLength(1);
  } finally {
    owner.stdin.end();
    await once(owner, 'close');
  }
});

test('rules of iptables-legacy that name the interface are counted', async () => {
  using fixture = firewallFixture('eth0n');
  const { pod, device, other, run } = fixture;
  const found = () => findInterfaceRules(pod.fd, device, other);
  run('iptables-legacy', '-A', 'INPUT', '-i', 'lo', '-j', 'ACCEPT');
  run('iptables-legacy', '-A', 'INPUT', '-i', 'eth+', '-j', 'ACCEPT');
  run('ip6tables-legacy', '-A', 'INPUT', '!', '-i', 'lo', '-j', 'ACCEPT');
  expect(await found()).toEqual([]);
  run('iptables-legacy', '-A', 'INPUT', '-i', 'eth0', '-j', 'ACCEPT');
  run(
    'iptables-legacy',
    '-A',
    'FORWARD',
    '!',
    '-o',
    'eth0',
    '-p',
    'tcp',
    '-m',
    'tcp',
    '--dport',
    '1',
    '-j',
    'DROP',
  );
  run('ip6tables-legacy', '-t', 'mangle', '-A', 'POSTROUTING', '-o', 'eth0', '-j', 'MARK', '--set-mark', '1');
  expect((await found()).map(({ place, treatment, text }) => [place, treatment, text.split(' ')[0]])).toEqual(
    [
      ['table filter of iptables-legacy', 'impossible', '2'],
      ['table mangle of ip6tables-legacy', 'impossible', '1'],
    ],
  );
});

test('changes of others in between are kept', async () => {
  using fixture = firewallFixture();
  const { pod, device, other } = fixture;
  fixture.load(
    'table inet f { chain c { iifname "eth0" accept; iifname != "eth0" drop; }; chain busy { }; }',
  );
  const before = fixture.list();
  const loop = 'while :; do nft add rule inet f busy counter; nft flush chain inet f busy; done';
  const busy = spawn('ip', ['netns', 'exec', pod.name, 'sh', '-c', loop], {
    stdio: 'ignore',
    detached: true,
  });
  try {
    for (let i = 0; i < 10; i++) {
      await addInterfaceTwins(pod.fd, device, other);
      expect(fixture.run('nft', 'list', 'chain', 'inet', 'f', 'c').match(/tmp7/g)).toHaveLength(2);
      await removeInterfaceTwins(pod.fd, device, null);
      expect(fixture.run('nft', 'list', 'chain', 'inet', 'f', 'c')).not.toContain('tmp7');
    }
  } finally {
    process.kill(-busy.pid!, 'SIGKILL');
    await once(busy, 'close');
  }
  fixture.run('nft', 'flush', 'chain', 'inet', 'f', 'busy');
  expect(fixture.list()).toBe(before);
});

test('a later agent removes what a killed one added, at whatever moment that was', async () => {
  using fixture = firewallFixture();
  const { pod, device, other } = fixture;
  fixture.load(inChain(rules.map(([rule]) => rule).join('\n')));
  const before = fixture.list();
  const script = `
    import { openSync } from 'node:fs';
    import { addInterfaceTwins, removeInterfaceTwins } from '${new URL('../../../server/datapath/migration/interface-rules.ts', import.meta.url)}';
    const fd = openSync('/run/netns/${pod.name}', 'r');
    const device = ${JSON.stringify(device)};
    for (;;) {
      await addInterfaceTwins(fd, device, ${JSON.stringify(other)});
      console.log('added');
      await removeInterfaceTwins(fd, device, null);
    }`;
  let found = 0;
  for (let run = 0; run < 6; run++) {
    const child = spawn(process.execPath, ['--input-type=module', '-e', script], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    await once(child.stdout, 'data');
    await sleep(run * 7);
    child.kill('SIGKILL');
    await once(child, 'close');
    if (fixture.list() !== before) found++;
    await removeInterfaceTwins(pod.fd, device, null);
    expect(fixture.list()).toBe(before);
  }
  expect(found).toBeGreaterThan(0);
});
