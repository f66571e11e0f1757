import { closeSync } from 'node:fs';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { parseAddress } from '../../../contract/cidr.ts';
import { reopenDatapathMaps } from '../../../server/bpf/datapath-maps.ts';
import { BpfHashMap } from '../../../server/bpf/hash-map.ts';
import type { Packet } from '../acl/packets.ts';
import type { ConversationEnd } from './conversation.ts';
import { addressOf, families, NatFixture, nodeAddresses, services } from './nat-fixture.ts';
import type { FixturePod, PodDevice } from './node-fixture.ts';
import { frameOfPod } from './pod-frame.ts';

const protocols = ['tcp', 'udp'] as const;
const SCTP = 132;
const GRE = 47;

/** Tests kinds of services, protocols, and what happens while connections are open. */
export function describeNatServices(from: PodDevice, to: PodDevice): void {
  describe(`services and open connections beside the redirect, from ${from.kind} (${from.hooks}) to ${to.kind} (${to.hooks})`, () => {
    let nat: NatFixture;
    let a: FixturePod;
    let b: FixturePod;
    let client: ConversationEnd;
    let server: ConversationEnd;
    beforeAll(async () => {
      nat = await NatFixture.open(from, to);
      ({ a, b, client, server } = nat);
      // Frames that tests make have no checksum of SCTP.
      nat.node.in(nat.node.host, 'sysctl -w net.netfilter.nf_conntrack_checksum=0');
      for (const family of families) {
        await server.serve(addressOf[family](b), 8090, 'other');
        await server.serveNames(addressOf[family](b));
      }
    });
    afterAll(() => nat?.[Symbol.asyncDispose]());
    beforeEach(() => nat.clear());

    /** Sends in the newest connection, from the server or from the client, and says what arrives at the other end. */
    async function exchange(speaker: ConversationEnd, text: string): Promise<string> {
      expect(await speaker.say(text)).toBe('said');
      return (speaker === client ? server : client).hear();
    }

    function forgetFlowPaths(): void {
      const maps = reopenDatapathMaps(nat.node.pins);
      try {
        const paths = new BpfHashMap(maps.flow_paths, 'flow_paths');
        const known = paths.entries();
        expect(known.length).toBeGreaterThan(0);
        for (const [key] of known) paths.delete(key);
      } finally {
        for (const fd of Object.values(maps)) closeSync(fd);
      }
    }

    /** Sends a packet from one pod and returns the frame that reaches the other one; null if none does. */
    async function deliver(sender: FixturePod, packet: Packet): Promise<Buffer | null> {
      const receiver = sender === a ? b : a;
      using frames = nat.node.frames(sender);
      using arriving = nat.node.frames(receiver);
      frames.send(frameOfPod(sender, packet));
      const protocolAt = packet.source.family === 4 ? 23 : 20;
      return await arriving.find((frame) => frame[protocolAt] === packet.protocol, 1500);
    }

    describe.each(families)('over %s', (family) => {
      test.each(protocols)(
        'hostPort: a port of the node leads to a pod over %s, from any pod',
        async (protocol) => {
          expect(await client.ask(protocol, nodeAddresses[family], 8081)).toBe('backend');
          expect([await nat.redirected(a), await nat.redirected(b)]).toEqual([0n, 0n]);
          expect(await server.ask(protocol, nodeAddresses[family], 8081)).toBe('backend');
        },
      );

      test('DNS: both queries of a name, at once and from one port, are answered through the service', async () => {
        const address = services[family];
        for (let again = 0; again < 3; again += 1)
          expect(await client.resolve(address)).toBe('192.0.2.53 2001:db8::53');
        expect([await nat.redirected(a), await nat.redirected(b)]).toEqual([0n, 0n]);
      });

      test('SCTP goes by the stack, directly and through a service, there and back', async () => {
        const [own, other] = [parseAddress(addressOf[family](a)), parseAddress(addressOf[family](b))];
        const base = { protocol: SCTP, sourcePort: 7000 };
        const direct = await deliver(a, { ...base, source: own, destination: other, destinationPort: 8080 });
        expect(direct).not.toBeNull();
        const vip = parseAddress(services[family]);
        const there = await deliver(a, {
          ...base,
          sourcePort: 7001,
          source: own,
          destination: vip,
          destinationPort: 80,
          sctp: { verificationTag: 0, chunk: sctpChunk(1, 0x1234) },
        });
        const layer4 = family === 'IPv4' ? 34 : 54;
        expect(there?.readUInt16BE(layer4 + 2)).toBe(8080);
        const back = await deliver(b, {
          protocol: SCTP,
          source: other,
          destination: own,
          sourcePort: 8080,
          destinationPort: 7001,
          sctp: { verificationTag: 0x1234, chunk: sctpChunk(2, 0x5678) },
        });
        expect(back?.readUInt16BE(layer4)).toBe(80);
        expect([await nat.redirected(a), await nat.redirected(b)]).toEqual([0n, 0n]);
      });

      test('a protocol without ports goes by the stack', async () => {
        const [source, destination] = [
          parseAddress(addressOf[family](a)),
          parseAddress(addressOf[family](b)),
        ];
        expect(await deliver(a, { protocol: GRE, source, destination })).not.toBeNull();
        expect(await nat.redirected(a)).toBe(0n);
      });

      // S2 of those who remember flows alone: the backend's packet would be redirected, and the client answer with RST.
      test('a connection through a service goes on when flow paths are lost and the backend speaks first', async () => {
        expect(await client.open(services[family], 80)).toBe('open');
        forgetFlowPaths();
        expect(await exchange(server, 'first')).toBe('first');
        expect(await exchange(client, 'second')).toBe('second');
        expect([await nat.redirected(a), await nat.redirected(b)]).toEqual([0n, 0n]);
      });

      // Both ends have decided to redirect, and keep that; then the flow's ports belong to a translated one, and not again.
      test.each([false, true])(
        'one socket asks directly, by the service and directly again; flow paths lost between: %s',
        async (lost) => {
          const socket = `${lost}`;
          for (const [address, port] of [
            [addressOf[family](b), 8080],
            [services[family], 80],
            [addressOf[family](b), 8080],
          ] as const) {
            for (let again = 0; again < 4; again += 1)
              expect(await client.askFromOnePort(socket, address, port)).toBe('backend');
            if (lost) forgetFlowPaths();
          }
          expect(await nat.redirected(a)).toBeGreaterThan(0n);
        },
      );

      // S7 of those who send first packets by the stack: conntrack would have half a connection, and call the rest invalid.
      test('a connection goes on when the redirect is switched off and on, where the host drops invalid packets', async () => {
        nat.nft(
          'table inet strict { chain f { type filter hook forward priority 0; ct state invalid drop; }; }',
        );
        try {
          expect(await client.open(addressOf[family](b), 8080)).toBe('open');
          expect(await exchange(client, 'redirected')).toBe('redirected');
          expect(await nat.redirected(a)).toBeGreaterThan(0n);
          await nat.setRedirect(false);
          await nat.clear();
          for (const speaker of [server, client, server])
            expect(await exchange(speaker, 'stack')).toBe('stack');
          expect(await nat.redirected(a)).toBe(0n);
          await nat.setRedirect(true);
          for (const speaker of [client, server]) expect(await exchange(speaker, 'again')).toBe('again');
        } finally {
          await nat.setRedirect(true);
          nat.nft('delete table inet strict');
        }
      });

      test('open connections go on while rules of NAT are added, and new ones obey them', async () => {
        const vip = family === 'IPv4' ? '10.96.0.20' : 'fd96::20';
        const [ip, to] = family === 'IPv4' ? ['ip', b.address4] : ['ip6', `[${b.address6}]`];
        for (const [address, port] of [
          [addressOf[family](b), 8080],
          [services[family], 80],
        ] as const) {
          expect(await client.open(address, port)).toBe('open');
          expect(await exchange(client, 'before')).toBe('before');
          nat.nft(`table inet added { chain pre { type nat hook prerouting priority -110;
            ${ip} daddr ${vip} tcp dport 80 dnat ${ip} to ${to}:8090
            ${ip} daddr ${address} tcp dport ${port} dnat ${ip} to ${to}:8090
          }; }`);
          expect(await exchange(server, 'after')).toBe('after');
          expect(await exchange(client, 'and back')).toBe('and back');
          expect(await client.ask('tcp', vip, 80)).toBe('other');
          nat.nft('delete table inet added');
        }
      });

      test('session affinity: who has asked one backend keeps it while others get another', async () => {
        const vip = family === 'IPv4' ? '10.96.0.30' : 'fd96::30';
        const [ip, type, to] =
          family === 'IPv4' ? ['ip', 'ipv4_addr', b.address4] : ['ip6', 'ipv6_addr', `[${b.address6}]`];
        const affinity = (first: number): string => `
          table inet affine {
            set first { type ${type}; flags dynamic,timeout; timeout 1h; }
            chain to_first { update @first { ${ip} saddr }; meta l4proto { tcp, udp } dnat ${ip} to ${to}:${first}; }
            chain pre { type nat hook prerouting priority -110;
              ${ip} daddr ${vip} meta l4proto { tcp, udp } th dport 80 ${ip} saddr @first goto to_first
              ${ip} daddr ${vip} meta l4proto { tcp, udp } th dport 80 goto DEFAULT
            }
          }`;
        nat.nft(affinity(8080).replace('DEFAULT', 'to_first'));
        for (const protocol of protocols) expect(await client.ask(protocol, vip, 80)).toBe('backend');
        // From now on new clients get the other backend.
        nat.nft(`table inet affine { chain to_other { meta l4proto { tcp, udp } dnat ${ip} to ${to}:8090; }; }
          flush chain inet affine pre
          table inet affine { chain pre {
            ${ip} daddr ${vip} meta l4proto { tcp, udp } th dport 80 ${ip} saddr @first goto to_first
            ${ip} daddr ${vip} meta l4proto { tcp, udp } th dport 80 goto to_other
          }; }`);
        for (const protocol of protocols) {
          for (let again = 0; again < 3; again += 1)
            expect(await client.ask(protocol, vip, 80)).toBe('backend');
          expect(await server.ask(protocol, vip, 80)).toBe('other');
        }
        expect(await nat.redirected(a)).toBe(0n);
        nat.nft('delete table inet affine');
      });
    });

    test('session affinity of kube-proxy’s iptables, by the match recent', async () => {
      const vip = '10.96.0.31';
      const rules = (name: string, port: number) => [
        `-A ${name} -p tcp -m recent --name ${name} --set -j DNAT --to-destination ${b.address4}:${port}`,
      ];
      const iptables = (line: string) => {
        const { output, code } = nat.node.in(nat.node.host, `iptables-legacy -t nat ${line}`);
        expect({ line, output, code }).toMatchObject({ code: 0 });
      };
      for (const line of [
        '-N SEP1',
        '-N SEP2',
        ...rules('SEP1', 8080),
        ...rules('SEP2', 8090),
        ...['SEP1', 'SEP2'].map(
          (name) =>
            `-A PREROUTING -d ${vip}/32 -p tcp --dport 80 -m recent --name ${name} --rcheck --seconds 10800 --reap -j ${name}`,
        ),
        `-A PREROUTING -d ${vip}/32 -p tcp --dport 80 -j SEP1`,
      ])
        iptables(line);
      expect(await client.ask('tcp', vip, 80)).toBe('backend');
      iptables('-R PREROUTING 3 -d 10.96.0.31/32 -p tcp --dport 80 -j SEP2');
      for (let again = 0; again < 3; again += 1) {
        expect(await client.ask('tcp', vip, 80)).toBe('backend');
        expect(await server.ask('tcp', vip, 80)).toBe('other');
      }
      expect(await nat.redirected(a)).toBe(0n);
      iptables('-F');
    });
  });
}

/** Encodes the chunk that begins an association, INIT (1) or INIT ACK (2), with the tag for packets to its sender. */
function sctpChunk(type: 1 | 2, tag: number): Buffer {
  const chunk = Buffer.alloc(20);
  chunk.set([type, 0, 0, 20]);
  chunk.writeUInt32BE(tag, 4);
  return chunk;
}
