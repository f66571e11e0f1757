import { spawn } from 'node:child_process';
import { setTimeout } from 'node:timers/promises';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { ConversationEnd } from './conversation.ts';
import { addressOf, families, NatFixture, services } from './nat-fixture.ts';
import type { FixturePod, PodDevice } from './node-fixture.ts';

const protocols = ['tcp', 'udp'] as const;
/** Pods' own ports, a new one for each test that binds one. */
let nextPort = 40_000;

/** Tests that a redirecting pod reaches services, whose addresses the host translates. */
export function describeNatRedirect(from: PodDevice, to: PodDevice): void {
  describe(`the redirect beside NAT, from ${from.kind} (${from.hooks}) to ${to.kind} (${to.hooks})`, () => {
    let nat: NatFixture;
    let a: FixturePod;
    let b: FixturePod;
    let client: ConversationEnd;
    let server: ConversationEnd;
    beforeAll(async () => {
      nat = await NatFixture.open(from, to);
      ({ a, b, client, server } = nat);
    });
    afterAll(() => nat?.[Symbol.asyncDispose]());
    beforeEach(() => nat.clear());

    describe.each(families)('over %s', (family) => {
      const vip = services[family];

      test.each(protocols)('a service answers over %s, and nothing of it is redirected', async (protocol) => {
        expect(await client.ask(protocol, vip, 80)).toBe('backend');
        expect([await nat.redirected(a), await nat.redirected(b)]).toEqual([0n, 0n]);
      });

      test.each(protocols)('the backend itself answers over %s, redirected both ways', async (protocol) => {
        expect(await client.ask(protocol, addressOf[family](b), 8080)).toBe('backend');
        expect(await nat.redirected(a)).toBeGreaterThan(0n);
        expect(await nat.redirected(b)).toBeGreaterThan(0n);
      });

      test.each(protocols)(
        'one port asks directly, by the service and directly again over %s',
        async (protocol) => {
          nextPort += 1;
          for (const [address, port] of [
            [addressOf[family](b), 8080],
            [vip, 80],
            [addressOf[family](b), 8080],
            [vip, 80],
          ] as const)
            expect(await client.ask(protocol, address, port, { from: nextPort })).toBe('backend');
        },
      );

      test('a pod reaches itself through its service', async () => {
        for (const protocol of protocols) expect(await server.ask(protocol, vip, 80)).toBe('backend');
      });

      test('a closed port behind the service is refused at once', async () => {
        expect(await client.ask('tcp', vip, 81)).toBe('ECONNREFUSED');
        expect(await client.ask('udp', vip, 81)).toBe('ECONNREFUSED');
      });

      test('a datagram in fragments is answered', async () => {
        expect(await client.ask('udp', vip, 80, { bytes: 4000 })).toBe('backend');
        expect(await client.ask('udp', addressOf[family](b), 8080, { bytes: 4000 })).toBe('backend');
      });

      test('echoes of a translated address are answered', () => {
        const { output, code } = nat.node.in(a.netns, `ping -n -c 2 -i 0.2 -W 1 ${vip}`);
        expect({ output, code }).toMatchObject({ code: 0 });
      });
    });

    test.each(families)(
      'echoes that began by the stack are redirected once redirecting is on: %s',
      async (family) => {
        const ping = spawn('nsenter', [
          ...[`--net=${a.netns}`, 'ping', '-n', '-q', '-i', '0.05', '-c', '400'],
          addressOf[family](b),
        ]);
        try {
          await nat.setRedirect(false);
          await setTimeout(500);
          await nat.setRedirect(true);
          for (const pod of [a, b])
            await expect.poll(() => nat.redirected(pod), { timeout: 10_000 }).toBeGreaterThan(0n);
        } finally {
          ping.kill();
        }
      },
    );

    test('a service whose rules are added while traffic runs answers at once', async () => {
      expect(await client.ask('tcp', a.address4, 82)).toBe('ECONNREFUSED');
      nat.nft(`table ip later { chain pre { type nat hook prerouting priority -100;
        ip daddr 10.96.0.9 tcp dport 80 dnat to ${b.address4}:8080; }; }`);
      expect(await client.ask('tcp', '10.96.0.9', 80)).toBe('backend');
    });
  });
}
