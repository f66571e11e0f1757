import { closeSync, existsSync, readdirSync, readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { AgentEvent } from '../../../contract/agent-event.ts';
import type { NewUserProgram, UserProgram } from '../../../contract/build.ts';
import type { Pod } from '../../../contract/pod.ts';
import type { PodPath } from '../../../contract/pod-path.ts';
import { withBpfObjectById } from '../../../server/bpf/bpf-object-info.ts';
import { BpfHashMap } from '../../../server/bpf/hash-map.ts';
import { readBpfDeviceLinkInfo } from '../../../server/bpf/link-info.ts';
import { openPinnedObject } from '../../../server/bpf/pin.ts';
import { bpf_link_detach } from '../../../server/ffi/libbpf.ts';
import { exampleObject, objectRefusedByVerifier, renamedObject } from '../../testbed/builds.ts';
import { startTestNode, type TestNode } from '../../testbed/node.ts';

const object = readFileSync(exampleObject).toString('base64');
const hostAddress = '10.42.255.1';

/** Takes our program off its hook, as `bpftool link detach` does. */
function detachLinkOf(programId: number, pins: string): void {
  for (const name of readdirSync(`${pins}/links`)) {
    const fd = openPinnedObject(`${pins}/links/${name}`)!;
    if (readBpfDeviceLinkInfo(fd).programId === programId) bpf_link_detach(fd);
    closeSync(fd);
  }
}

describe.each([
  ['tcx', []],
  ['tc', ['--without', 'tcx']],
] as const)('users’ programs on hooks of %s', (family, flags) => {
  const out = `${family}/ingress` as const;
  let node: TestNode;
  let netns: string;
  const added: Record<string, UserProgram> = {};

  const attach = (more: Partial<NewUserProgram>) =>
    node.ask<UserProgram>('POST', '/pods/shop.cart/programs', {
      object,
      section: 'count_ports',
      hook: out,
      place: 'before',
      ...more,
    });
  const list = async () =>
    (await node.ask<{ items: UserProgram[] }>('GET', '/pods/shop.cart/programs')).items;
  /** Sends UDP datagrams from the pod to the host, and answers what a counting program has by port. */
  const send = (port: number, count: number): void =>
    void node.run(
      ['bash', '--norc', '-c', `for i in $(seq ${count}); do echo x > /dev/udp/${hostAddress}/${port}; done`],
      netns,
    );
  const counted = ({ maps }: UserProgram): Record<number, number> =>
    withBpfObjectById('map', maps.find(({ name }) => name === 'datagrams')!.id, (fd) =>
      Object.fromEntries(
        new BpfHashMap(fd, 'datagrams')
          .entries()
          .map(([key, value]) => [key.readUInt16LE(0), Number(value.readBigUInt64LE(0))]),
      ),
    )!;
  /** Programs of filters go once the kernel's work queue has come to it. */
  const unloaded = ({ program }: UserProgram): boolean =>
    withBpfObjectById('program', program.id, () => true) === null;
  /** Names on the hook in the order they run; ours as `ours`, users' with their number. */
  const order = async (): Promise<string[]> => {
    const { device } = await node.ask<Pod>('GET', '/pods/shop.cart');
    return device!.programs
      .filter(({ hook }) => hook === out)
      .map(({ ours, name, user }) => (ours ? 'ours' : `${name} ${user}`));
  };

  beforeAll(async () => {
    node = await startTestNode([...flags]);
    node.run(['ip', 'address', 'add', `${hostAddress}/32`, 'dev', 'lo']);
    const pod = await node.addPod('cart', '10.42.0.2/32', 'veth');
    netns = pod.netns.path;
  }, 240_000);
  afterAll(() => node?.[Symbol.asyncDispose]());

  test('run before and after ours in the order of attachment, each with its own maps', async () => {
    added.first = await attach({ name: 'first count' });
    added.drop = await attach({ section: 'netkit/peer', place: 'after' });
    added.last = await attach({ place: 'after' });
    expect(added.first).toMatchObject({
      number: 1,
      name: 'first count',
      section: 'tc',
      attached: true,
      position: 0,
    });
    expect(await order()).toEqual(['count_ports 1', 'ours', 'drop_port 2', 'count_ports 3']);
    send(9, 3);
    send(5000, 2);
    expect(counted(added.first)).toEqual({ 9: 3, 5000: 2 });
    expect(counted(added.last)).toEqual({ 5000: 2 });
  });

  test('appear on the pod’s path with their numbers', async () => {
    const { hops } = await node.ask<PodPath>('GET', '/pods/shop.cart/path');
    const device = hops.find((hop) => hop.type === 'device')!;
    const pathHook = device.hooks.find(({ hook }) => hook === out)!;
    expect(pathHook.programs.map(({ user }) => user)).toEqual([1, undefined, 2, 3]);
  });

  test('keep running without an agent, and the next agent knows them', async () => {
    const before = await list();
    await node.killAgent();
    send(5000, 2);
    await node.startAgent();
    expect(await list()).toEqual(before);
    expect(counted(added.last!)).toEqual({ 5000: 4 });
  });

  test('follow the pod to a new device, in the same places and with the same maps', async () => {
    const { state, error } = await node.migrate('shop.cart', 'veth', true);
    expect(state, JSON.stringify(error)).toBe('done');
    expect(await order()).toEqual(['count_ports 1', 'ours', 'drop_port 2', 'count_ports 3']);
    send(9, 1);
    send(5000, 1);
    expect([counted(added.first!), counted(added.last!)]).toEqual([{ 9: 4, 5000: 5 }, { 5000: 5 }]);
  });

  if (family === 'tcx')
    test('keep their places when our programs are reattached after another process detached them', async () => {
      const { device } = await node.ask<Pod>('GET', '/pods/shop.cart');
      detachLinkOf(device!.programs.find(({ ours, hook }) => ours && hook === out)!.id, node.pins);
      expect(await order()).toEqual(['count_ports 1', 'drop_port 2', 'count_ports 3']);
      await node.killAgent();
      await node.startAgent();
      expect(await order()).toEqual(['count_ports 1', 'ours', 'drop_port 2', 'count_ports 3']);
    });

  test('are on the device that replaces one that another process deleted', async () => {
    const { primary } = await node.ask<Pod>('GET', '/pods/shop.cart');
    node.run(['ip', 'link', 'delete', primary.name]);
    await expect.poll(order, { timeout: 20_000 }).toHaveLength(4);
    send(5000, 1);
    expect(counted(added.last!)).toEqual({ 5000: 6 });
  });

  test('are detached one by one with their maps, and their numbers become free', async () => {
    await node.ask('DELETE', '/pods/shop.cart/programs/2');
    expect(await order()).toEqual(['count_ports 1', 'ours', 'count_ports 3']);
    await expect.poll(() => unloaded(added.drop!)).toBe(true);
    await expect(node.ask('DELETE', '/pods/shop.cart/programs/2')).rejects.toMatchObject({
      code: 'program_not_found',
    });
    for (let n = 0; n < 6; n++) await attach({});
    await expect(attach({})).rejects.toMatchObject({ code: 'too_many_programs' });
    expect((await list()).map(({ number }) => number).sort()).toEqual([1, 2, 3, 4, 5, 6, 7, 8]);
  });

  test('are removed with the pod, and events name the users', async () => {
    await node.ask('DELETE', '/pods/shop.cart');
    expect(readdirSync(`${node.pins}/users`)).toEqual([]);
    await expect.poll(() => unloaded(added.first!)).toBe(true);
    const { items } = await node.ask<{ items: AgentEvent[] }>('GET', '/events');
    expect(items.find(({ type }) => type === 'program.detached')).toMatchObject({
      message: 'local detached program drop_port from shop/cart',
    });
    expect(items.filter(({ type }) => type === 'program.attached')).toHaveLength(9);
  });

  // What is refused is so before a hook is looked at.
  if (family === 'tcx')
    test('an invalid program is refused with the reason and leaves nothing', async () => {
      await node.addPod('web', '10.42.0.3/32', 'veth');
      const refused = (more: Partial<NewUserProgram>) =>
        node
          .ask('POST', '/pods/shop.web/programs', {
            object,
            section: 'tc',
            hook: out,
            place: 'before',
            ...more,
          })
          .catch((error: unknown) => error);
      const text = (image: Buffer): string => image.toString('base64');
      const broken = objectRefusedByVerifier(exampleObject);
      const foreign = renamedObject('netkit/peer', 'kprobe/peer', exampleObject);
      for (const [more, expected] of [
        [{ object: text(Buffer.from('no object')) }, { code: 'bad_object' }],
        [{ section: undefined }, { code: 'bad_object', hint: 'Name one of count_ports, drop_port.' }],
        [{ section: 'xdp' }, { code: 'bad_object', hint: expect.stringContaining('count_ports (tc)') }],
        [{ object: text(foreign), section: 'kprobe/peer' }, { code: 'bad_object' }],
        [
          { object: text(broken) },
          { code: 'verifier_refused', hint: expect.stringContaining('read before') },
        ],
        [{ hook: 'netkit/peer' }, { code: 'unprocessable', hint: expect.stringContaining(out) }],
        [{ object: '*' }, { code: 'bad_request' }],
        [{ name: '../x' }, { code: 'bad_request' }],
      ] as const)
        expect(await refused(more), JSON.stringify(more).slice(0, 60)).toMatchObject(expected);
      expect((await node.ask<{ items: unknown[] }>('GET', '/pods/shop.web/programs')).items).toEqual([]);
      expect(existsSync(`${node.pins}/users`) ? readdirSync(`${node.pins}/users`) : []).toEqual([]);
    });
});
