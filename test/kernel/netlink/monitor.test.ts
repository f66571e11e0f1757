import { expect, test } from 'vitest';
import { type NetworkEvent, watchLinks, watchNetwork } from '../../../server/netlink/monitor.ts';
import { testNamespace } from './namespaces.ts';

/** Waits until `events` holds what `wanted` accepts. */
const until = async (
  events: NetworkEvent[],
  wanted: (event: NetworkEvent) => boolean,
): Promise<NetworkEvent> => {
  for (let tries = 0; tries < 500; tries++) {
    const found = events.find(wanted);
    if (found) return found;
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  throw new Error(`no such event among ${JSON.stringify(events.map((event) => event.type))}`);
};

test('tells links, addresses and routes that come, change and go', async () => {
  using host = testNamespace();
  const events: NetworkEvent[] = [];
  using _watch = watchNetwork(['links', 'addresses', 'routes'], (event) => events.push(event), {
    namespaceFd: host.fd,
  });
  host.ip('link', 'add', 'd0', 'type', 'veth', 'peer', 'name', 'p0');
  host.ip('link', 'set', 'd0', 'up');
  host.ip('link', 'set', 'p0', 'up');
  host.ip('address', 'add', '10.7.0.1/24', 'dev', 'd0');
  host.ip('route', 'add', '10.8.0.0/16', 'via', '10.7.0.2');
  host.ip('route', 'del', '10.8.0.0/16');
  host.ip('link', 'del', 'd0');
  await until(events, (event) => event.type === 'link' && event.deleted && event.link.name === 'd0');
  expect(events).toContainEqual(
    expect.objectContaining({
      type: 'link',
      deleted: false,
      link: expect.objectContaining({ name: 'd0', up: true, kind: 'veth' }),
    }),
  );
  expect(events).toContainEqual(
    expect.objectContaining({
      type: 'address',
      deleted: false,
      address: expect.objectContaining({ address: '10.7.0.1/24' }),
    }),
  );
  for (const deleted of [false, true])
    expect(events).toContainEqual(
      expect.objectContaining({
        type: 'route',
        deleted,
        route: expect.objectContaining({ destination: '10.8.0.0/16', gateway: '10.7.0.2' }),
      }),
    );
});

test('watches links alone, and nothing after it is closed', async () => {
  using host = testNamespace();
  const events: NetworkEvent[] = [];
  const watch = watchLinks((event) => events.push(event), { namespaceFd: host.fd });
  host.ip('link', 'add', 'd0', 'type', 'veth', 'peer', 'name', 'p0');
  await until(events, (event) => event.type === 'link' && event.link.name === 'd0');
  watch.close();
  watch.close();
  const seen = events.length;
  host.ip('link', 'add', 'd1', 'type', 'veth', 'peer', 'name', 'p1');
  await new Promise((resolve) => setTimeout(resolve, 50));
  expect(events).toHaveLength(seen);
});

test('says that events were lost when there were too many, and goes on each time', async () => {
  using host = testNamespace();
  const events: NetworkEvent[] = [];
  using _watch = watchLinks((event) => events.push(event), { namespaceFd: host.fd, queueBytes: 16_384 });
  for (const round of ['first', 'second']) {
    events.length = 0;
    host.batch(
      Array.from({ length: 20 }, () => ['link add d0 type veth peer name p0', 'link del d0']).flat(),
    );
    await until(events, (event) => event.type === 'resync');
    host.ip('link', 'add', round, 'type', 'veth', 'peer', 'name', `${round}-peer`);
    await until(events, (event) => event.type === 'link' && event.link.name === round);
  }
});
