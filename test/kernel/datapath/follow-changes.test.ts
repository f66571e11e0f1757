import { expect, test } from 'vitest';
import type { DeviceEndRef } from '../../../server/datapath/network-state/end-state.ts';
import { followChanges } from '../../../server/datapath/network-state/follow-changes.ts';
import { readEndState } from '../../../server/datapath/network-state/read-end-state.ts';
import { setLink } from '../../../server/netlink/link.ts';
import { type TestNamespace, testNamespace } from '../netlink/namespaces.ts';

/** An old and a new interface in one namespace, with the same addresses and neighbors. */
async function oldAndNew(namespace: TestNamespace): Promise<Record<'old' | 'fresh', DeviceEndRef>> {
  const { socket, fd: namespaceFd } = namespace;
  namespace.batch([
    'link add name eth0 type veth peer name left',
    'link add name pn4 type veth peer name right',
    ...['eth0', 'left', 'pn4', 'right'].map((name) => `link set ${name} up addrgenmode none`),
    ...['eth0', 'pn4'].flatMap((name) => [
      `address add 10.1.0.1/24 dev ${name}`,
      `address add 10.1.0.2/24 broadcast 10.1.0.255 dev ${name} label ${name}:a`,
      `address add 10.2.0.1/32 dev ${name}`,
      `neighbor add 10.1.0.9 lladdr 02:00:00:00:00:09 dev ${name}`,
    ]),
  ]);
  const end = (name: string): DeviceEndRef => ({
    socket,
    namespaceFd,
    ifindex: namespace.json('link', 'show', name)[0].ifindex,
  });
  return { old: end('eth0'), fresh: end('pn4') };
}

/** Addresses of an interface with label and broadcast address, in order, its own name written as `DEV`. */
const addressesOf = (namespace: TestNamespace, name: string): string[] =>
  namespace
    .json('-4', 'address', 'show', name)[0]
    .addr_info.map(
      (each: { local: string; label: string; broadcast?: string }) =>
        `${each.local} ${each.label.replace(name, 'DEV')} ${each.broadcast ?? ''}`,
    );

const neighborOf = (namespace: TestNamespace, name: string): Record<string, unknown> => {
  const [found] = namespace.json('neighbor', 'show', 'dev', name, 'to', '10.1.0.9');
  return found;
};

test('an address whose label or broadcast address alone changed gets it on the new interface, in its place', async () => {
  using namespace = testNamespace();
  const { old, fresh } = await oldAndNew(namespace);
  const last = await readEndState(old);
  const change = (address: string, more: string): void =>
    namespace.batch([`address delete ${address} dev eth0`, `address add ${address} dev eth0 ${more}`]);
  change('10.1.0.2/24', 'broadcast 10.1.0.255 label eth0:b');
  change('10.2.0.1/32', 'broadcast 10.2.0.1');
  await followChanges(last, old, fresh, 'before traffic');
  expect(addressesOf(namespace, 'pn4')).toEqual(addressesOf(namespace, 'eth0'));
  expect(addressesOf(namespace, 'pn4')).toEqual([
    '10.1.0.1 DEV ',
    '10.2.0.1 DEV 10.2.0.1',
    '10.1.0.2 DEV:b 10.1.0.255',
  ]);
});

test('a neighbor whose protocol alone changed gets it on the new interface', async () => {
  using namespace = testNamespace();
  const { old, fresh } = await oldAndNew(namespace);
  const last = await readEndState(old);
  namespace.ip(...'neighbor replace 10.1.0.9 lladdr 02:00:00:00:00:09 dev eth0 protocol bgp'.split(' '));
  await followChanges(last, old, fresh, 'under traffic');
  expect(neighborOf(namespace, 'pn4').protocol).toBe('bgp');
});

test('a rename of the old interface and ages of entries are no changes', async () => {
  using namespace = testNamespace();
  const { old, fresh } = await oldAndNew(namespace);
  namespace.ip('address', 'change', '10.2.0.1/32', 'dev', 'eth0', 'valid_lft', '900', 'preferred_lft', '800');
  const last = await readEndState(old);
  await setLink(namespace.socket, old.ifindex, { name: 'pn3' });
  const messages: string[] = [];
  const socket = namespace.socket.batch.bind(namespace.socket);
  namespace.socket.batch = (requests) => {
    messages.push(...requests.map(({ operation }) => operation));
    return socket(requests);
  };
  await new Promise((resolve) => setTimeout(resolve, 1100));
  const { old: now } = await followChanges(last, old, fresh, 'before traffic');
  expect(messages).toEqual([]);
  expect(now.addresses.length).toBe(3);
});

test('a neighbor or proxy entry that somebody deleted goes from the new interface too, but not one of Podlane', async () => {
  using namespace = testNamespace();
  const { old, fresh } = await oldAndNew(namespace);
  for (const name of ['eth0', 'pn4'])
    namespace.batch([
      `neighbor add 10.1.0.8 lladdr 02:00:00:00:00:08 dev ${name}`,
      `neighbor add proxy 10.1.0.7 dev ${name}`,
      `neighbor add 10.1.0.6 lladdr 02:00:00:00:00:06 dev ${name}`,
    ]);
  const last = await readEndState(old);
  namespace.batch([
    'neighbor delete 10.1.0.9 dev eth0',
    'neighbor delete proxy 10.1.0.7 dev eth0',
    'neighbor delete 10.1.0.6 dev eth0',
  ]);
  await followChanges(last, old, fresh, 'under traffic', new Set(['10.1.0.6']));
  const left = (...more: string[]): string[] =>
    namespace
      .json('neighbor', 'show', ...more, 'dev', 'pn4')
      .map(({ dst }: { dst: string }) => dst)
      .sort();
  expect(left('nud', 'permanent')).toEqual(['10.1.0.6', '10.1.0.8']);
  expect(left('proxy')).toEqual([]);
});
