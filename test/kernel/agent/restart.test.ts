import { rmSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, onTestFinished, test, vi } from 'vitest';
import { AgentProcess, podCounts, TestHost } from './agent-fixture.ts';

const soon = { timeout: 20_000, interval: 20 };

test('a killed agent is missed by no packet; the next one has the same pods and counts that went on', async () => {
  const host = new TestHost();
  const first = await new AgentProcess(host).ready();
  const cart = await first.attach('cart', 33);
  await first.attach('web', 34);
  const { body: before } = await first.call('GET', '/pods');
  const samples = await first.stream('samples');
  expect(await host.ping(cart.path, '10.42.0.34', 50)).toBe(50);
  await vi.waitFor(
    () => expect(podCounts(samples.frames.at(-1), cart)?.egressPackets).toBeGreaterThanOrEqual(50),
    soon,
  );
  const counted = podCounts(samples.frames.at(-1), cart)!;

  const pings = host.ping(cart.path, '10.42.0.34', 200);
  await sleep(200);
  await first.stop('SIGKILL');
  await sleep(200);
  const second = await new AgentProcess(host).ready();
  expect(await pings).toBe(200);

  const { body: after } = await second.call('GET', '/pods');
  expect(after).toEqual(before);
  const again = await second.stream('samples');
  await vi.waitFor(
    () =>
      expect(podCounts(again.frames.at(-1), cart)).toMatchObject({
        egressPackets: counted.egressPackets + 200,
        ingressPackets: counted.ingressPackets + 200,
      }),
    soon,
  );
});

test('an agent that gets a signal to stop keeps the pods’ devices and removes its socket', async () => {
  const host = new TestHost();
  const agent = await new AgentProcess(host).ready();
  const cart = await agent.attach('cart', 33);
  const listener = await agent.stream('samples');
  const closed = vi.waitFor(() => expect(listener.closeCode).toBe(1001), soon);
  expect(await agent.stop('SIGTERM')).toBe(0);
  await closed;
  expect(host.hasDevice(cart.primary.name)).toBe(true);
  expect(await host.ping(host.netns, '10.42.0.33', 5)).toBe(5);
  await expect(agent.call('GET', '/node')).rejects.toMatchObject({ code: 'ENOENT' });
});

test('a second agent is refused by the database, whatever its socket and pins', async () => {
  const host = new TestHost();
  const first = await new AgentProcess(host).ready();
  const pins = `${host.pins}-second`;
  onTestFinished(() => rmSync(pins, { recursive: true, force: true }));
  const second = new AgentProcess(host, '--socket', `${host.folder}/second.sock`, '--pins', pins);
  expect(await second.ended).toBe(1);
  expect(second.stderr).toMatch(/agent not started: open the database .*podlane\.db: database is locked/);
  expect((await first.call('GET', '/health')).status).toBe(200);
});
