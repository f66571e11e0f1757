// Ends of TCP and UDP conversations, in a network namespace, for as long as standard input is open. Lines in are JSON:
// {"do":"serve","address","port","text"} answers every TCP connection and every datagram with the text, and
// {"do":"ask","protocol","address","port","from","bytes"} asks from local port `from`. {"do":"askFromOnePort","name",
// "address","port"} asks over UDP from a socket of this name, which stays open, and says who answered if it is not who was
// asked. {"do":"open","address","port"}
// opens a TCP connection and keeps it; {"do":"say","text"} says something in the newest connection that was opened or
// accepted here, and {"do":"hear"} waits for what is said in it. {"do":"bind","address","port"} opens a UDP socket that
// is not connected, {"do":"sendTo","address","port","text"} sends from it, and {"do":"receive"} answers what came, by
// blanks. {"do":"serveNames","address"} answers DNS queries, and
// {"do":"resolve","server"} asks for both addresses of a name at once. A line out answers each, in order.

import dgram from 'node:dgram';
import { Resolver } from 'node:dns/promises';
import { once } from 'node:events';
import net from 'node:net';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';

export type ConversationRequest =
  | { do: 'serve'; address: string; port: number; text: string }
  | { do: 'ask'; protocol: 'tcp' | 'udp'; address: string; port: number; from?: number; bytes?: number }
  | { do: 'askFromOnePort'; name: string; address: string; port: number }
  | { do: 'open'; address: string; port: number }
  | { do: 'say'; text: string }
  | { do: 'hear' }
  | { do: 'bind'; address: string; port: number }
  | { do: 'sendTo'; address: string; port: number; text: string }
  | { do: 'receive' }
  | { do: 'serveNames'; address: string }
  | { do: 'resolve'; server: string };

/** Milliseconds after which a question is taken to be unanswered. */
const patience = 1500;
const datagramType = (address: string) => (address.includes(':') ? 'udp6' : 'udp4');

/** The newest connection that was opened or accepted here, and what was said in it. */
let kept: { socket: net.Socket; heard: string } | null = null;

function keep(socket: net.Socket): void {
  const connection = { socket, heard: '' };
  kept = connection;
  socket.on('error', (error: NodeJS.ErrnoException) => {
    connection.heard = error.code ?? error.message;
  });
  socket.on('data', (data) => {
    connection.heard += data.toString();
  });
}

function open({ address, port }: Extract<ConversationRequest, { do: 'open' }>): Promise<string> {
  return new Promise((resolve) => {
    const socket = net.connect({ host: address, port });
    keep(socket);
    socket.setTimeout(patience, () => resolve('no answer'));
    socket.once('connect', () => resolve('open'));
    socket.once('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message));
  });
}

function say(text: string): string {
  kept?.socket.write(text);
  return kept ? 'said' : 'no connection';
}

async function hear(): Promise<string> {
  for (let waited = 0; kept?.heard === '' && waited < patience; waited += 10) await sleep(10);
  const heard = kept?.heard || 'nothing';
  if (kept) kept.heard = '';
  return heard;
}

/** The UDP socket of `bind`, which is not connected, and what it received. */
let bound: { socket: dgram.Socket; received: string[] } | null = null;

async function bind(address: string, port: number): Promise<string> {
  const found = { socket: dgram.createSocket(datagramType(address)), received: [] as string[] };
  found.socket.on('message', (data) => found.received.push(data.toString()));
  found.socket.on('error', (error) => found.received.push(error.message));
  found.socket.bind(port, address);
  await once(found.socket, 'listening');
  bound = found;
  return 'bound';
}

function sendTo(address: string, port: number, text: string): string {
  // Refused where a program drops it: it was sent as well.
  bound?.socket.send(text, port, address, () => undefined);
  return bound ? 'sent' : 'not bound';
}

const receive = (): string => bound?.received.splice(0).join(' ') ?? 'not bound';

/** Answers queries for A and AAAA records with one record, whatever the name. */
async function serveNames(address: string): Promise<string> {
  const names = dgram.createSocket(datagramType(address));
  names.on('message', (query, from) => {
    const end = query.indexOf(0, 12) + 5;
    const type = query.readUInt16BE(end - 4);
    const value =
      type === 28 ? Buffer.from('20010db8000000000000000000000053', 'hex') : Buffer.from([192, 0, 2, 53]);
    const header = Buffer.from(query.subarray(0, 12));
    header.set([0x81, 0x80, 0, 1, 0, 1, 0, 0, 0, 0], 2);
    const record = Buffer.from([0xc0, 12, 0, type, 0, 1, 0, 0, 0, 60, 0, value.length]);
    names.send(Buffer.concat([header, query.subarray(12, end), record, value]), from.port, from.address);
  });
  names.bind(53, address);
  await once(names, 'listening');
  return 'serving';
}

async function resolveBoth(server: string): Promise<string> {
  const resolver = new Resolver({ timeout: 700, tries: 1 });
  resolver.setServers([server]);
  const found = await Promise.all([resolver.resolve4('cart.shop'), resolver.resolve6('cart.shop')]);
  return found.flat().join(' ');
}

async function serve({
  address,
  port,
  text,
}: Extract<ConversationRequest, { do: 'serve' }>): Promise<string> {
  const server = net.createServer((socket) => {
    keep(socket);
    socket.on('data', (data) => {
      if (data.toString() === '?') socket.end(text);
    });
  });
  server.listen({ host: address, port });
  await once(server, 'listening');
  const datagrams = dgram.createSocket(datagramType(address));
  datagrams.on('message', (_, from) => datagrams.send(text, from.port, from.address));
  datagrams.bind(port, address);
  await once(datagrams, 'listening');
  return 'serving';
}

function askTcp(address: string, port: number, from: number | undefined): Promise<string> {
  return new Promise((resolve) => {
    const socket = net.connect({ host: address, port, ...(from === undefined ? {} : { localPort: from }) });
    const end = (text: string) => {
      socket.destroy();
      resolve(text);
    };
    let got = '';
    socket.setTimeout(patience, () => end('no answer'));
    socket.on('connect', () => socket.write('?'));
    socket.on('data', (data) => {
      got += data.toString();
    });
    socket.on('end', () => end(got));
    socket.on('error', (error: NodeJS.ErrnoException) => end(error.code ?? error.message));
  });
}

function askUdp(address: string, port: number, from: number | undefined, bytes: number): Promise<string> {
  return new Promise((resolve) => {
    const socket = dgram.createSocket(datagramType(address));
    const timer = setTimeout(() => end('no answer'), patience);
    const end = (text: string) => {
      clearTimeout(timer);
      socket.close();
      resolve(text);
    };
    socket.on('error', (error: NodeJS.ErrnoException) => end(error.code ?? error.message));
    socket.on('message', (data) => end(data.toString('utf8', 0, 100)));
    socket.bind(from ?? 0, () => socket.connect(port, address, () => socket.send(Buffer.alloc(bytes, '?'))));
  });
}

/** Sockets whose questions all come from one port, by name and type. */
const lasting = new Map<string, dgram.Socket>();

function askFromOnePort(name: string, address: string, port: number): Promise<string> {
  const type = datagramType(address);
  const socket = lasting.get(`${name} ${type}`) ?? dgram.createSocket(type);
  lasting.set(`${name} ${type}`, socket);
  return new Promise((resolve) => {
    const end = (text: string) => {
      clearTimeout(timer);
      socket.removeAllListeners();
      resolve(text);
    };
    const timer = setTimeout(() => end('no answer'), patience);
    socket.on('error', (error: NodeJS.ErrnoException) => end(error.code ?? error.message));
    socket.on('message', (data, from) =>
      end(
        from.address === address && from.port === port
          ? data.toString()
          : `${data} from ${from.address} ${from.port}`,
      ),
    );
    socket.send('?', port, address);
  });
}

const answer = (request: ConversationRequest): Promise<string> => {
  if (request.do === 'serve') return serve(request);
  if (request.do === 'open') return open(request);
  if (request.do === 'say') return Promise.resolve(say(request.text));
  if (request.do === 'hear') return hear();
  if (request.do === 'bind') return bind(request.address, request.port);
  if (request.do === 'sendTo') return Promise.resolve(sendTo(request.address, request.port, request.text));
  if (request.do === 'receive') return Promise.resolve(receive());
  if (request.do === 'serveNames') return serveNames(request.address);
  if (request.do === 'resolve') return resolveBoth(request.server);
  if (request.do === 'askFromOnePort') return askFromOnePort(request.name, request.address, request.port);
  const { protocol, address, port, from, bytes = 1 } = request;
  return protocol === 'tcp' ? askTcp(address, port, from) : askUdp(address, port, from, bytes);
};

for await (const line of createInterface({ input: process.stdin })) {
  const text = await answer(JSON.parse(line) as ConversationRequest).catch((error: Error) => error.message);
  process.stdout.write(`${JSON.stringify(text)}\n`);
}
process.exit(0);
