// One end of a TCP stream, in its namespace: `serve ADDRESS PORT` prints how many bytes came and their SHA-256,
// `send ADDRESS PORT BYTES` prints the same of what it sent.
import { createHash } from 'node:crypto';
import net from 'node:net';

const [role, address, port, bytes] = process.argv.slice(2);
const chunk = Buffer.alloc(1 << 18, Buffer.from(Uint8Array.from({ length: 251 }, (_, i) => i)));
const hash = createHash('sha256');
let count = 0;
const take = (data: Buffer): Buffer => {
  hash.update(data);
  count += data.length;
  return data;
};
const tell = (): void => {
  process.stdout.write(`${count} ${hash.digest('hex')}\n`, () => process.exit(0));
};

if (role === 'serve') {
  net
    .createServer((socket) => socket.on('data', take).on('end', tell))
    .listen({ host: address, port: Number(port) }, () => process.stdout.write('listening\n'));
} else {
  const socket = net.connect(Number(port), address!);
  const pump = (): void => {
    while (count < Number(bytes)) if (!socket.write(take(chunk))) return;
    socket.end(tell);
  };
  socket.on('drain', pump).on('connect', pump);
}
