import { describe, expect, test } from 'vitest';
import { probeCapabilities } from '../../../server/kernel/probe-capabilities.ts';
import { addAddress, deleteAddress, listAddresses, replaceAddress } from '../../../server/netlink/address.ts';
import { formatNeighbor } from '../../../server/netlink/iproute2-format.ts';
import { deleteLink, deleteLinks, getLink, listLinks, setLink } from '../../../server/netlink/link.ts';
import { deleteNeighbor, listNeighbors, replaceNeighbor } from '../../../server/netlink/neighbor.ts';
import { addNetkit } from '../../../server/netlink/netkit.ts';
import { addVeth } from '../../../server/netlink/veth.ts';
import { device, macs, names, outputLines, peer, primary } from './device.ts';
import { testNamespace } from './namespaces.ts';

describe('links', () => {
  test('a veth pair across two namespaces is what `ip -d link` says it is', async () => {
    using host = testNamespace();
    using pod = testNamespace();
    await device(host, pod);
    for (const [namespace, name] of [
      [host, 'pl0'],
      [pod, 'eth0'],
    ] as const) {
      const link = await getLink(namespace.socket, { name }, { stats: true });
      const [shown] = namespace.json('-stats', 'link', 'show', name);
      expect(link).toMatchObject({
        ifindex: shown.ifindex,
        name: shown.ifname,
        kind: shown.linkinfo.info_kind,
        mtu: shown.mtu,
        mac: shown.address,
        operationalState: shown.operstate.toLowerCase(),
        up: shown.flags.includes('UP'),
        running: shown.flags.includes('LOWER_UP'),
        peerIfindex: shown.link_index,
        peerNamespaceId: shown.link_netnsid,
        stats: { transmit: { errors: shown.stats64.tx.errors, dropped: shown.stats64.tx.dropped } },
      });
      expect(link?.mtu).toBe(1400);
    }
    expect((await getLink(host.socket, { ifindex: primary }))?.peerIfindex).toBe(peer);
  });

  test('links are found by ifindex, by name, by kind, or not at all', async () => {
    using host = testNamespace();
    host.ip('link', 'add', 'd0', 'type', 'veth', 'peer', 'name', 'd1');
    host.ip('link', 'property', 'add', 'dev', 'd0', 'altname', 'another-name');
    host.ip('link', 'set', 'd0', 'alias', 'what it is for');
    await addVeth(host.socket, { primary: { name: 'v0', ifindex: 77 }, peer: { name: 'v1', ifindex: 78 } });
    expect(await getLink(host.socket, { ifindex: 78 })).toMatchObject({
      name: 'v1',
      peerIfindex: 77,
      stats: null,
    });
    expect(await getLink(host.socket, { name: 'v0' })).toMatchObject({ ifindex: 77, netkit: null });
    expect(await getLink(host.socket, { name: 'none' })).toBeNull();
    expect(await getLink(host.socket, { ifindex: 4711 })).toBeNull();
    expect((await listLinks(host.socket, { kind: 'veth' })).map((link) => link.name).sort()).toEqual([
      'd0',
      'd1',
      'v0',
      'v1',
    ]);
    const all = await listLinks(host.socket);
    expect(all.map((link) => link.name).sort()).toEqual(['d0', 'd1', 'lo', 'v0', 'v1']);
    expect(all.find((link) => link.name === 'd0')).toMatchObject({
      alternativeNames: ['another-name'],
      alias: 'what it is for',
    });
    expect(all.find((link) => link.name === 'lo')).toMatchObject({ mac: null, kind: null });
  });

  test('up, MTU, name, alias and group are set, and the link is down again', async () => {
    using host = testNamespace();
    await addVeth(host.socket, { primary: { name: 'a', ifindex: 7 }, peer: { name: 'b' } });
    await setLink(host.socket, 7, { up: true, mtu: 9000, alias: 'shop/cart', group: 5 });
    await setLink(host.socket, 7, { name: 'renamed' });
    const [shown] = host.json('link', 'show', 'renamed');
    expect(shown).toMatchObject({
      mtu: 9000,
      ifalias: 'shop/cart',
      group: '5',
      flags: expect.arrayContaining(['UP']),
    });
    await setLink(host.socket, 7, { up: false });
    expect(host.json('link', 'show', 'renamed')[0].flags).not.toContain('UP');
  });

  test('a link moves into another namespace', async () => {
    using host = testNamespace();
    using pod = testNamespace();
    await addVeth(host.socket, { primary: { name: 'a', ifindex: 7 }, peer: { name: 'b', ifindex: 8 } });
    await setLink(host.socket, 8, { netnsFd: pod.fd });
    expect(await getLink(host.socket, { name: 'b' })).toBeNull();
    expect(await getLink(pod.socket, { name: 'b' })).toMatchObject({ ifindex: 8 });
  });

  test('deleting one end deletes the pair; many go at once, and those that are gone do not matter', async () => {
    using host = testNamespace();
    for (let i = 0; i < 40; i++)
      await addVeth(host.socket, { primary: { name: `a${i}`, ifindex: 1000 + i }, peer: { name: `b${i}` } });
    await deleteLink(host.socket, 1000);
    await deleteLinks(host.socket, [1000, ...Array.from({ length: 38 }, (_, i) => 1001 + i)]);
    expect(
      host
        .json('link')
        .map((link: { ifname: string }) => link.ifname)
        .sort(),
    ).toEqual(['a39', 'b39', 'lo']);
    await deleteLinks(host.socket, []);
    await deleteLinks(host.socket, [1000]);
  });

  test('a taken name or ifindex is refused with EEXIST, and nothing is made', async () => {
    using host = testNamespace();
    await addVeth(host.socket, { primary: { name: 'a', ifindex: 7 }, peer: { name: 'b', ifindex: 8 } });
    const add = (name: string, ifindex: number, other: string, otherIndex: number) =>
      addVeth(host.socket, { primary: { name, ifindex }, peer: { name: other, ifindex: otherIndex } });
    const refused = { code: 'EEXIST', errno: 17, message: expect.stringMatching(/^add veth .* \(EEXIST\)$/) };
    await expect(add('a', 17, 'd', 18)).rejects.toMatchObject(refused);
    await expect(add('c', 7, 'd', 18)).rejects.toMatchObject(refused);
    await expect(add('c', 17, 'b', 18)).rejects.toMatchObject(refused);
    await expect(add('c', 17, 'd', 8)).rejects.toMatchObject({
      code: expect.stringMatching(/^(EEXIST|EBUSY)$/),
    });
    expect(await listLinks(host.socket)).toHaveLength(3);
  });

  test('an ifindex for the peer alone, which the kernel would ignore, is refused', async () => {
    using host = testNamespace();
    const made = addVeth(host.socket, { primary: { name: 'a' }, peer: { name: 'b', ifindex: 8 } });
    await expect(made).rejects.toThrow(RangeError);
    expect(await listLinks(host.socket)).toHaveLength(1);
  });

  test('refusals carry the operation and the kernel’s own sentence', async () => {
    using host = testNamespace();
    await addVeth(host.socket, { primary: { name: 'a', ifindex: 7 }, peer: { name: 'b' } });
    await expect(setLink(host.socket, 7, { mtu: 10 })).rejects.toMatchObject({
      message: 'set link ifindex 7 mtu 10: mtu less than device minimum (EINVAL)',
      operation: 'set link ifindex 7 mtu 10',
      kernelText: 'mtu less than device minimum',
    });
    await expect(deleteLink(host.socket, 4711)).rejects.toMatchObject({
      message: 'delete link ifindex 4711: No such device (ENODEV)',
      kernelText: null,
    });
    await expect(setLink(host.socket, 7, { name: 'b' })).rejects.toMatchObject({ code: 'EEXIST' });
    await expect(setLink(host.socket, 7, { name: 'a-name-longer-than-15' })).rejects.toMatchObject({
      code: 'ERANGE',
    });
  });
});

describe('netkit', () => {
  test('is made as asked, or refused by a kernel without it with a hint', async () => {
    using host = testNamespace();
    using pod = testNamespace();
    const make = () =>
      addNetkit(host.socket, {
        mode: 'l3',
        policy: { primary: 'forward', peer: 'blackhole' },
        primary: { name: 'pl0', ifindex: primary, mtu: 1400 },
        peer: { name: 'eth0', ifindex: peer, mtu: 1400, netnsFd: pod.fd },
      });
    const netkit = (await probeCapabilities()).find(({ name }) => name === 'netkit');
    if (netkit?.available) {
      await make();
      expect(await getLink(host.socket, { name: 'pl0' })).toMatchObject({
        ifindex: primary,
        mtu: 1400,
        mac: null,
        netkit: { primary: true, mode: 'l3', policy: 'forward', peerPolicy: 'blackhole' },
      });
      expect(await getLink(pod.socket, { name: 'eth0' })).toMatchObject({ ifindex: peer, mtu: 1400 });
      return;
    }
    await expect(make()).rejects.toMatchObject({
      errno: 95,
      code: 'EOPNOTSUPP',
      message:
        'add netkit pl0 (ifindex 1048576) with peer eth0 (ifindex 1048577): Unknown device type (EOPNOTSUPP)',
      hint: expect.stringContaining('CONFIG_NETKIT'),
    });
    expect(await listLinks(host.socket)).toHaveLength(1);
  });
});

describe('addresses', () => {
  test.each(['10.42.0.33/32', '10.42.0.33/24', 'fd00::33/128'])('%s is given and taken', async (address) => {
    using host = testNamespace();
    using pod = testNamespace();
    await device(host, pod);
    await addAddress(pod.socket, peer, address);
    const kind = address.includes(':') ? 'inet6' : 'inet';
    const [local, prefixlen] = address.split('/');
    const shown = pod.json('address', 'show', 'dev', 'eth0')[0].addr_info;
    expect(shown).toContainEqual(
      expect.objectContaining({ family: kind, local, prefixlen: Number(prefixlen), scope: 'global' }),
    );
    const found = await listAddresses(pod.socket, { ifindex: peer });
    expect(found).toHaveLength(shown.length);
    expect(found).toContainEqual(
      expect.objectContaining({ address, ifindex: peer, scope: 'global', peer: null, tentative: false }),
    );
    await expect(addAddress(pod.socket, peer, address)).rejects.toMatchObject({ code: 'EEXIST' });
    await replaceAddress(pod.socket, peer, address);
    await deleteAddress(pod.socket, peer, address);
    expect((await listAddresses(pod.socket, { ifindex: peer })).map((one) => one.address)).not.toContain(
      address,
    );
    await expect(deleteAddress(pod.socket, peer, address)).rejects.toMatchObject({ code: 'EADDRNOTAVAIL' });
  });

  test('what is no address is refused before the kernel is asked', async () => {
    using host = testNamespace();
    await expect(addAddress(host.socket, 1, '10.42.0.300/32')).rejects.toThrow(RangeError);
    await addAddress(host.socket, 1, '127.0.0.2/8');
    expect((await listAddresses(host.socket)).map((one) => one.address)).toContain('127.0.0.2/8');
  });
});

describe('neighbors', () => {
  test('permanent entries of both families read as `ip neigh` prints them', async () => {
    using host = testNamespace();
    using pod = testNamespace();
    await device(host, pod);
    await replaceNeighbor(host.socket, { ifindex: primary, address: '10.42.0.33', mac: macs.peer });
    await replaceNeighbor(host.socket, { ifindex: primary, address: 'fd00::33', mac: macs.peer });
    host.ip('neigh', 'add', '10.42.0.34', 'lladdr', macs.peer, 'nud', 'stale', 'dev', 'pl0', 'extern_learn');
    const ours = (await listNeighbors(host.socket, { ifindex: primary }))
      .filter((neighbor) => neighbor.state !== 'noarp')
      .map((neighbor) => formatNeighbor(neighbor, names));
    expect(ours.sort()).toEqual(outputLines(host.ip('neigh', 'show')).sort());
    expect(ours).toContain(`10.42.0.33 dev pl0 lladdr ${macs.peer} PERMANENT`);
    expect(await listNeighbors(pod.socket, { ifindex: peer, family: 'ipv4' })).toEqual([]);
  });

  test('are replaced and deleted', async () => {
    using host = testNamespace();
    using pod = testNamespace();
    await device(host, pod);
    const entry = { ifindex: primary, address: '10.42.0.33' };
    await replaceNeighbor(host.socket, { ...entry, mac: macs.primary });
    await replaceNeighbor(host.socket, { ...entry, mac: macs.peer });
    expect(await listNeighbors(host.socket, { family: 'ipv4' })).toMatchObject([
      { ...entry, mac: macs.peer, state: 'permanent' },
    ]);
    await deleteNeighbor(host.socket, entry);
    await expect(deleteNeighbor(host.socket, entry)).rejects.toMatchObject({ code: 'ENOENT' });
  });
});
