import { createWriteStream } from 'node:fs';
import { pipeline } from 'node:stream/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { ProblemError } from '../../contract/problem.ts';
import type { Trace, TracePacket } from '../../contract/trace.ts';
import type { PacketEndpoint } from '../../contract/verdict.ts';
import {
  type CliCommand,
  type CommandInvocation,
  type CommandOption,
  printLine,
  printResult,
} from '../command.ts';
import { formatBytes } from '../text-table.ts';

/** Milliseconds between two polls of the trace; longer than the time between two observations of one packet. */
const pollMs = 300;

const filterOptions: Readonly<Record<string, CommandOption>> = {
  address: { value: 'ADDRESS', summary: 'source or destination' },
  port: { value: 'PORT', summary: 'source or destination' },
  protocol: { value: 'NAME', summary: 'tcp, udp, sctp or icmp' },
  family: { value: '4|6', summary: 'IP version' },
  packets: { value: 'N', summary: 'packet limit' },
  seconds: { value: 'S', summary: 'time limit' },
};

const filterOf = (invocation: CommandInvocation) => ({
  address: invocation.option('address'),
  port: invocation.number('port'),
  protocol: invocation.option('protocol'),
  family: invocation.number('family'),
  packets: invocation.number('packets'),
  seconds: invocation.number('seconds'),
});

export const traceCommand: CliCommand = {
  name: 'trace',
  parameters: ['POD'],
  summary: 'traces a pod’s packets through the hooks; Ctrl-C stops it',
  options: filterOptions,
  async run(invocation) {
    const { agent, args, json, signal } = invocation;
    let now = await agent.request<Trace>('POST', '/traces', {
      body: { pod: args[0], ...filterOf(invocation) },
    });
    const shown = new Set<number>();
    let before = new Map<number, string>();
    for (;;) {
      if (now.state === 'running' && signal.aborted)
        now = await agent.request<Trace>('DELETE', `/traces/${now.id}`);
      // Prints a packet once, when its observations have stopped changing.
      const seen = new Map(now.items.map((packet) => [packet.number, JSON.stringify(packet)]));
      for (const packet of now.items) {
        const same = before.get(packet.number) === seen.get(packet.number);
        if (shown.has(packet.number) || !(same || now.state === 'ended')) continue;
        shown.add(packet.number);
        printResult({ json }, packet, packetText);
      }
      if (now.state === 'ended') break;
      before = seen;
      await sleep(pollMs, undefined, { signal }).catch(() => {});
      if (!signal.aborted) now = await agent.request<Trace>('GET', `/traces/${now.id}`);
    }
    const lost = now.lost > 0 ? `, ${now.lost} events lost` : '';
    const drops = now.kernelDrops.available
      ? ''
      : `; kernel drops are not reported: ${now.kernelDrops.detail}`;
    process.stderr.write(`${now.seen} packets${lost}, stopped: ${now.ended ?? 'by the agent'}${drops}\n`);
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

const endText = ({ address, port, pod }: PacketEndpoint): string => {
  const place =
    port === null ? address : address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`;
  return pod === null ? place : `${place} (${pod.namespace}.${pod.name})`;
};

export const captureCommand: CliCommand = {
  name: 'capture',
  parameters: ['POD'],
  summary: 'captures packets at the primary of a pod’s device as pcapng; Ctrl-C stops it',
  options: {
    write: { value: 'FILE', short: 'w', summary: 'file to write; - is standard output' },
    ...filterOptions,
    bytes: { value: 'N', summary: 'maximum size of the file' },
    snaplen: { value: 'N', summary: 'snap length: bytes kept of each packet' },
  },
  async run(invocation) {
    const file = invocation.option('write');
    if (file === undefined)
      throw new ProblemError('bad_request', 'capture: no file', {
        hint: 'add -w FILE, or -w - for a pipe',
      });
    const query = new URLSearchParams();
    const wanted = {
      ...filterOf(invocation),
      bytes: invocation.number('bytes'),
      snaplen: invocation.number('snaplen'),
    };
    for (const [name, value] of Object.entries(wanted))
      if (value !== undefined) query.set(name, String(value));
    const body = await invocation.agent.open(
      `/pods/${encodeURIComponent(invocation.args[0] ?? '')}/capture?${query}`,
    );
    let bytes = 0;
    body.on('data', (chunk: Buffer) => {
      bytes += chunk.length;
    });
    const sink = file === '-' ? process.stdout : createWriteStream(file);
    try {
      await pipeline(body, sink, { signal: invocation.signal });
    } catch (error) {
      if (!invocation.signal.aborted) throw error;
    }
    if (file === '-') return;
    if (invocation.json) printLine(JSON.stringify({ file, bytes }));
    else process.stderr.write(`${file}: ${formatBytes(bytes)}\n`);
  },
};
