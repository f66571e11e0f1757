// The two ends of `masqueraded-traffic.ts`, each a process in its namespace: `serve PORT`, `talk PORT ADDRESS,… TCP UDP INTERVAL`.
import dgram from 'node:dgram';
import net, { isIPv6 } from 'node:net';

const [role, port, addresses, tcpCount, udpCount, intervalMs] = process.argv.slice(2);
const reportMs = 50;
const drainMs = 1000;
const print = (value: unknown): boolean => process.stdout.write(`${JSON.stringify(value)}\n`);

function serve(): void {
  const datagrams = dgram.createSocket('udp6');
  datagrams.on('message', (data, from) => datagrams.send(data, from.port, from.address));
  datagrams.bind(Number(port), '::', () => {
    net
      .createServer((socket) =>
        socket
          .setNoDelay(true)
          .on('error', () => {})
          .pipe(socket),
      )
      .listen({ port: Number(port), host: '::', backlog: 1024 }, () => print('listening'));
  });
}

/** Sends on each connection all the time, whether or not the echo of before has come, until its input ends. */
function talk(): void {
  const echoes: number[] = new Array(Number(tcpCount) + Number(udpCount)).fill(0);
  const broken: string[] = [];
  const all = (addresses ?? '').split(',');
  const addressOf = (i: number): string => all[i % all.length]!;
  let sending = true;
  let datagrams = 0;
  const every = (send: () => void): NodeJS.Timeout =>
    setInterval(() => {
      if (sending) send();
    }, Number(intervalMs));
  for (let i = 0; i < Number(tcpCount); i++) {
    const socket = net.connect(Number(port), addressOf(i)).setNoDelay(true);
    socket.on('data', () => echoes[i]!++);
    socket.on('error', (error) => broken.push(error.message));
    socket.on('close', () => broken.push('closed'));
    socket.on('connect', () => every(() => socket.write('x')));
  }
  for (let i = Number(tcpCount); i < echoes.length; i++) {
    const address = addressOf(i);
    const socket = dgram.createSocket(isIPv6(address) ? 'udp6' : 'udp4');
    socket.on('message', () => echoes[i]!++).on('error', () => {});
    socket.connect(Number(port), address, () =>
      every(() => {
        datagrams++;
        socket.send('x', () => {});
      }),
    );
  }
  const report = (ended: boolean): boolean => {
    const returned = echoes.slice(Number(tcpCount)).reduce((sum, each) => sum + each, 0);
    const lostDatagrams = datagrams - returned;
    return print({ broken, fewest: Math.min(...echoes), datagrams, lostDatagrams, ended });
  };
  setInterval(() => report(false), reportMs);
  process.stdin.resume().on('end', () => {
    sending = false;
    setTimeout(() => report(true), drainMs);
  });
}

if (role === 'serve') serve();
else talk();
