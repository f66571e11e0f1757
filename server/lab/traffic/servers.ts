import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { createServer, type Socket } from 'node:net';
import {
  createLabMessageSplitter,
  decodeLabTrafficMessage,
  encodeLabTrafficMessage,
} from './traffic-message.ts';
import { labSocketBufferSize } from './udp-client.ts';

/**
 * Starts a TCP and a UDP server at `address`.
 * @returns a function that stops both; call it after the clients have stopped
 */
export async function startLabTrafficServers(address: string, port: number): Promise<() => void> {
  const [stopTcp, stopUdp] = await Promise.all([
    startTcpServer(address, port),
    startUdpServer(address, port),
  ]);
  return () => {
    stopTcp();
    stopUdp();
  };
}

async function startTcpServer(address: string, port: number): Promise<() => void> {
  const sockets = new Set<Socket>();
  const server = createServer({ noDelay: true }, (socket) => {
    const split = createLabMessageSplitter();
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
    socket.on('error', () => socket.destroy());
    socket.on('data', (chunk) => {
      for (const message of split(chunk)) {
        if (message === null || message.reply === 0) return socket.destroy();
        socket.write(encodeLabTrafficMessage(message.id, message.reply, 0));
      }
    });
  });
  server.listen(port, address);
  await once(server, 'listening');
  return () => {
    server.close();
    for (const socket of sockets) socket.destroy();
  };
}

async function startUdpServer(address: string, port: number): Promise<() => void> {
  // Addresses are numeric: skipping the resolver saves a tick per datagram.
  const socket = createSocket({ type: 'udp4', lookup: (host, _options, done) => done(null, host, 4) });
  socket.on('message', (bytes, from) => {
    const message = decodeLabTrafficMessage(bytes);
    if (message !== null && message.reply > 0)
      socket.send(encodeLabTrafficMessage(message.id, message.reply, 0), from.port, from.address, () => {});
  });
  const listening = once(socket, 'listening');
  socket.bind(port, address);
  await listening;
  socket.on('error', () => {});
  socket.setRecvBufferSize(labSocketBufferSize);
  socket.setSendBufferSize(labSocketBufferSize);
  return () => socket.close();
}
