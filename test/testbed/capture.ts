import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { type IncomingMessage, request } from 'node:http';
import { join } from 'node:path';
import type { TestNode } from './node.ts';

/** A capture that runs. */
export interface OpenCapture {
  answer: IncomingMessage;
  /** The whole file, once it has ended. */
  file: Promise<Buffer>;
  leave(): void;
}

/** Resolves when the agent captures: the file's head has come. */
export function openCapture(
  { socket }: Pick<TestNode, 'socket'>,
  pod: string,
  query: Record<string, string | number>,
): Promise<OpenCapture> {
  const text = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) text.set(name, String(value));
  return new Promise((resolve, reject) => {
    const call = request({ socketPath: socket, path: `/api/v1/pods/${pod}/capture?${text}`, agent: false });
    call.on('error', reject).on('response', (answer) => {
      const chunks: Buffer[] = [];
      const file = new Promise<Buffer>((whole, broken) => {
        answer.on('end', () => whole(Buffer.concat(chunks))).on('error', broken);
      });
      file.catch(() => {});
      const opened = { answer, file, leave: () => void call.destroy() };
      answer.on('data', (chunk: Buffer) => {
        chunks.push(chunk);
        resolve(opened);
      });
    });
    call.end();
  });
}

/** Fields of each packet that Wireshark's reader finds in the file. @throws Error with what it complained of */
export function readWithTshark(folder: string, file: Buffer, fields: readonly string[]): string[][] {
  const path = join(folder, 'capture.pcapng');
  writeFileSync(path, file);
  const wanted = fields.flatMap((field) => ['-e', field]);
  let text: string;
  try {
    text = execFileSync('tshark', ['-n', '-r', path, '-T', 'fields', ...wanted], {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'pipe'],
    });
  } catch (error) {
    const { code, stderr } = error as { code?: string; stderr?: string };
    if (code === 'ENOENT') throw new Error('tshark is missing: apt-get install tshark');
    throw new Error(`tshark cannot read the capture: ${stderr}`);
  }
  return text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => line.split('\t'));
}
