import { describe, expect, test } from 'vitest';
import { listMulticastGroups } from '../../../server/kernel/multicast-groups.ts';
import { addAddress } from '../../../server/netlink/address.ts';
import { ipAddressToBytes } from '../../../server/netlink/ip-address.ts';
import { setLink } from '../../../server/netlink/link.ts';
import { listBoundSockets } from '../../../server/netlink/socket-diag.ts';
import { addVeth } from '../../../server/netlink/veth.ts';
import { type TestNamespace, testNamespace } from './namespaces.ts';
import { BoundTestSockets } from './sockets.ts';

const peer = 1_048_577;
const other = 7;

/** A pod with eth0, 10.42.0.33 and fd00::33, and another interface. */
async function pod(): Promise<TestNamespace> {
  const namespace = testNamespace();
  await addVeth(namespace.socket, {
    primary: { name: 'other', ifindex: other, up: true },
    peer: { name: 'eth0', ifindex: peer },
  });
  await setLink(namespace.socket, peer, { up: true });
  await addAddress(namespace.socket, peer, '10.42.0.33/24');
  await addAddress(namespace.socket, peer, 'fd00::33/64');
  return namespace;
}

describe('sockets bound to a device', () => {
  test('listening, connected and datagram ones of both families, and packet sockets, are found', async () => {
    using namespace = await pod();
    using held = new BoundTestSockets(namespace.fd);
    const device = 'eth0';
    const tcp4 = held.open({ domain: 'ipv4', type: 'stream', device, bind: ['10.42.0.33', 8080] });
    const tcp6 = held.open({ domain: 'ipv6', type: 'stream', device, bind: ['fd00::33', 8081] });
    const udp4 = held.open({ domain: 'ipv4', type: 'datagram', device, bind: ['0.0.0.0', 5353] });
    const udp6 = held.open({
      domain: 'ipv6',
      type: 'datagram',
      device,
      bind: ['fd00::33', 5354],
      connect: ['fd00::44', 53],
    });
    const packet = held.open({ domain: 'packet', type: 'raw', ifindex: peer });
    held.open({ domain: 'ipv4', type: 'stream', bind: ['10.42.0.33', 8082] });
    held.open({ domain: 'packet', type: 'raw' });
    const elsewhere = held.open({
      domain: 'ipv4',
      type: 'datagram',
      device: 'other',
      bind: ['0.0.0.0', 5355],
    });
    const bound = { ifindex: peer, remote: null };
    expect((await listBoundSockets(namespace.fd, peer)).sockets).toEqual([
      { ...bound, protocol: 'tcp', family: 'ipv4', local: '10.42.0.33:8080', inode: tcp4 },
      { ...bound, protocol: 'tcp', family: 'ipv6', local: '[fd00::33]:8081', inode: tcp6 },
      { ...bound, protocol: 'udp', family: 'ipv4', local: '0.0.0.0:5353', inode: udp4 },
      {
        ...bound,
        protocol: 'udp',
        family: 'ipv6',
        local: '[fd00::33]:5354',
        remote: '[fd00::44]:53',
        inode: udp6,
      },
      { ...bound, protocol: 'packet', family: null, local: null, inode: packet },
    ]);
    expect((await listBoundSockets(namespace.fd, other)).sockets.map(({ inode }) => inode)).toEqual([
      elsewhere,
    ]);
  });

  test('raw ones are found, or said to be there where the kernel cannot tell more', async () => {
    using namespace = await pod();
    expect(await listBoundSockets(namespace.fd, peer)).toEqual({ sockets: [], unreadable: [] });
    using held = new BoundTestSockets(namespace.fd);
    const inodes = [
      held.open({ domain: 'ipv4', type: 'raw', protocol: 1, device: 'eth0' }),
      held.open({ domain: 'ipv6', type: 'raw', protocol: 89, device: 'eth0' }),
    ];
    const { sockets, unreadable } = await listBoundSockets(namespace.fd, peer);
    if (unreadable.length > 0) expect({ sockets, unreadable }).toEqual({ sockets: [], unreadable: ['raw'] });
    else expect(sockets.map(({ inode }) => inode)).toEqual(inodes);
  });

  test('only the bound one of a thousand sockets is listed', async () => {
    using namespace = await pod();
    using held = new BoundTestSockets(namespace.fd);
    for (let port = 10_000; port < 11_000; port++)
      held.open({ domain: 'ipv4', type: 'datagram', bind: ['0.0.0.0', port] });
    held.open({ domain: 'ipv4', type: 'datagram', device: 'eth0', bind: ['0.0.0.0', 9999] });
    const { sockets } = await listBoundSockets(namespace.fd, peer);
    expect(sockets.map(({ local }) => local)).toEqual(['0.0.0.0:9999']);
  });
});

describe('multicast memberships', () => {
  const IPPROTO_IP = 0;
  const IPPROTO_IPV6 = 41;
  const IP_ADD_MEMBERSHIP = 35;
  const IPV6_JOIN_GROUP = 20;
  /** struct ip_mreqn: group, address, i32 ifindex; struct ipv6_mreq: group, i32 ifindex. */
  const joining = (group: string, ifindex: number): [number, number, Buffer] => {
    const four = !group.includes(':');
    const value = Buffer.alloc(four ? 12 : 20);
    value.set(ipAddressToBytes(group));
    value.writeInt32LE(ifindex, four ? 8 : 16);
    return four ? [IPPROTO_IP, IP_ADD_MEMBERSHIP, value] : [IPPROTO_IPV6, IPV6_JOIN_GROUP, value];
  };

  test('are those that somebody joined, not the kernel’s own', async () => {
    using namespace = await pod();
    expect(namespace.ip('maddress', 'show', 'dev', 'eth0')).toContain('ff02::1:ff00:33');
    expect(listMulticastGroups(namespace.fd, peer)).toEqual([]);
    using held = new BoundTestSockets(namespace.fd);
    for (const group of ['224.0.0.251', '239.1.2.3', '239.1.2.3', 'ff02::fb', 'ff15::4711'])
      held.open({
        domain: group.includes(':') ? 'ipv6' : 'ipv4',
        type: 'datagram',
        option: joining(group, peer),
      });
    const found = listMulticastGroups(namespace.fd, peer);
    expect(found.sort((a, b) => (a.group < b.group ? -1 : 1))).toEqual([
      { group: '224.0.0.251', users: 1 },
      { group: '239.1.2.3', users: 2 },
      { group: 'ff02::fb', users: 1 },
      { group: 'ff15::4711', users: 1 },
    ]);
    expect(listMulticastGroups(namespace.fd, other)).toEqual([]);
  });
});
