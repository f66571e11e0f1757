// The two ends of `connection.ts`, each a process in its namespace: `serve PORT`, `talk PORT ADDRESS`.
import net from 'node:net';

const [role, port, address] = process.argv.slice(2);
const intervalMs = 5;
const reportMs = 50;

if (role === 'serve') {
  net
    .createServer((socket) =>
      socket
        .setNoDelay(true)
        .on('error', () => {})
        .pipe(socket),
    )
    .listen(Number(port), '0.0.0.0', () => process.stdout.write('listening\n'));
} else {
  const socket = net.connect(Number(port), address!).setNoDelay(true);
  let echoed = 0;
  const broken = (why: string): void => {
    process.stdout.write(`broken: ${why}\n`, () => process.exit(1));
  };
  socket.on('data', (chunk) => {
    echoed += chunk.length;
  });
  socket.on('error', (error) => broken(error.message));
  socket.on('close', () => broken('closed'));
  socket.on('connect', () => setInterval(() => socket.write('x'), intervalMs));
  setInterval(() => process.stdout.write(`${echoed}\n`), reportMs);
}
