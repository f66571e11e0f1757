// An end of TCP streams, in its namespace, for as long as its standard input is open. A line in, `serve ADDRESS PORT`
// (one stream) or `send ADDRESS PORT BYTES`; lines out, `listening`, and of each stream how many bytes and their SHA-256.
import { createHash } from 'node:crypto';
import net from 'node:net';
import { createInterface } from 'node:readline';

const chunk = Buffer.alloc(1 << 18, Buffer.from(Uint8Array.from({ length: 251 }, (_, i) => i)));
const tell = (text: string): void => {
  process.stdout.write(`${text}\n`);
};

/** Adds up what goes by. */
class Account {
  count = 0;
  readonly #hash = createHash('sha256');

  take(data: Buffer): Buffer {
    this.#hash.update(data);
    this.count += data.length;
    return data;
  }

  tell(): void {
    tell(`${this.count} ${this.#hash.digest('hex')}`);
  }
}

function serve(host: string, port: number): void {
  const account = new Account();
  const server = net.createServer((socket) => {
    server.close();
    socket.on('data', (data) => account.take(data)).on('end', () => account.tell());
  });
  server.listen({ host, port }, () => tell('listening'));
}

function send(host: string, port: number, bytes: number): void {
  const account = new Account();
  const socket = net.connect(port, host);
  const pump = (): void => {
    while (account.count < bytes) if (!socket.write(account.take(chunk))) return;
    socket.end(() => account.tell());
  };
  socket.on('drain', pump).on('connect', pump);
}

for await (const line of createInterface({ input: process.stdin })) {
  const [role, address, port, bytes] = line.split(' ');
  if (role === 'serve') serve(address!, Number(port));
  else send(address!, Number(port), Number(bytes));
}
process.exit(0);
