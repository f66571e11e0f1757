import { createWriteStream } from 'node:fs';
import { pipeline } from 'node:stream/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { ProblemError } from '../../contract/problem.ts';
import type { Trace, TracePacket } from '../../contract/trace.ts';
import type { PacketEnd } from '../../contract/verdict.ts';
import { type Asked, answer, type Command, type Option, say } from '../command.ts';
import { bytesText } from '../table.ts';

/** Longer than a packet may take to be seen next. */
const askEveryMs = 300;

const filter: Readonly<Record<string, Option>> = {
  address: { value: 'ADDRESS', text: 'of either end' },
  port: { value: 'PORT', text: 'of either end' },
  protocol: { value: 'NAME', text: 'tcp, udp, sctp or icmp' },
  family: { value: '4|6', text: 'of IP' },
  packets: { value: 'N', text: 'ends after so many' },
  seconds: { value: 'S', text: 'ends after so long' },
};

const filterOf = (asked: Asked) => ({
  address: asked.option('address'),
  port: asked.number('port'),
  protocol: asked.option('protocol'),
  family: asked.number('family'),
  packets: asked.number('packets'),
  seconds: asked.number('seconds'),
});

export const trace: Command = {
  name: 'trace',
  takes: ['POD'],
  text: 'follows a pod’s packets through the hooks; Ctrl-C ends it',
  options: filter,
  async run(asked) {
    const { agent, args, json, signal } = asked;
    let now = await agent.ask<Trace>('POST', '/traces', { body: { pod: args[0], ...filterOf(asked) } });
    const shown = new Set<number>();
    let before = new Map<number, string>();
    for (;;) {
      if (now.state === 'running' && signal.aborted)
        now = await agent.ask<Trace>('DELETE', `/traces/${now.id}`);
      // A packet is told once, when nothing more is seen of it.
      const seen = new Map(now.items.map((packet) => [packet.number, JSON.stringify(packet)]));
      for (const packet of now.items) {
        const same = before.get(packet.number) === seen.get(packet.number);
        if (shown.has(packet.number) || !(same || now.state === 'ended')) continue;
        shown.add(packet.number);
        answer({ json }, packet, packetText);
      }
      if (now.state === 'ended') break;
      before = seen;
      await sleep(askEveryMs, undefined, { signal }).catch(() => {});
      if (!signal.aborted) now = await agent.ask<Trace>('GET', `/traces/${now.id}`);
    }
    const lost = now.lost > 0 ? `, ${now.lost} events lost` : '';
    const drops = now.kernelDrops.available
      ? ''
      : `; the kernel’s drops are not seen: ${now.kernelDrops.detail}`;
    process.stderr.write(`${now.seen} packets${lost}, ended by ${now.ended ?? 'the agent'}${drops}\n`);
  },
};

function packetText(packet: TracePacket): string {
  const head = `${packet.time} ${packet.protocolName}${packet.tcpFlags === null ? '' : ` ${packet.tcpFlags}`} ${endText(packet.source)} → ${endText(packet.destination)} ${packet.length} B: ${packet.sentence}`;
  const points = packet.points.map((point) => {
    const where =
      point.pod === null ? point.where : `${point.where} ${point.pod.namespace}.${point.pod.name}`;
    const why = [point.reason, point.rule && `rule ${point.rule}`].filter(Boolean).join(', ');
    const to = point.to === null ? '' : ` to ${point.to.namespace}.${point.to.name}`;
    return `  +${point.sinceUs.toFixed(0)} µs ${where} ${point.device?.hook ?? ''} ${point.verdict}${to}${why === '' ? '' : ` (${why})`}`;
  });
  return [head, ...points].join('\n');
}

const endText = ({ address, port, pod }: PacketEnd): string => {
  const place =
    port === null ? address : address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`;
  return pod === null ? place : `${place} (${pod.namespace}.${pod.name})`;
};

export const capture: Command = {
  name: 'capture',
  takes: ['POD'],
  text: 'captures at the primary of a pod’s device, as pcapng for Wireshark; Ctrl-C ends it',
  options: {
    write: { value: 'FILE', short: 'w', text: 'where it goes; - is standard output' },
    ...filter,
    bytes: { value: 'N', text: 'of the file, at most' },
    snaplen: { value: 'N', text: 'bytes of each packet that are kept' },
  },
  async run(asked) {
    const file = asked.option('write');
    if (file === undefined)
      throw new ProblemError('bad_request', 'capture: no file', {
        hint: 'say where it goes: -w FILE, or -w - for a pipe',
      });
    const query = new URLSearchParams();
    const wanted = { ...filterOf(asked), bytes: asked.number('bytes'), snaplen: asked.number('snaplen') };
    for (const [name, value] of Object.entries(wanted))
      if (value !== undefined) query.set(name, String(value));
    const body = await asked.agent.open(`/pods/${encodeURIComponent(asked.args[0]!)}/capture?${query}`);
    let bytes = 0;
    body.on('data', (chunk: Buffer) => {
      bytes += chunk.length;
    });
    const sink = file === '-' ? process.stdout : createWriteStream(file);
    try {
      await pipeline(body, sink, { signal: asked.signal });
    } catch (error) {
      if (!asked.signal.aborted) throw error;
    }
    if (file === '-') return;
    if (asked.json) say(JSON.stringify({ file, bytes }));
    else process.stderr.write(`${file}: ${bytesText(bytes)}\n`);
  },
};
