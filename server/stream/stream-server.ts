import type { IncomingMessage, Server } from 'node:http';
import { STATUS_CODES } from 'node:http';
import type { Duplex } from 'node:stream';
import { type WebSocket, WebSocketServer } from 'ws';
import { ProblemError } from '../../contract/problem.ts';
import { setSafeInterval } from '../async/safe-timers.ts';
import type { AgentServices } from '../http/agent-services.ts';
import { ClientSubscriptions } from './client-subscriptions.ts';
import { StreamClient, streamCloseCodes } from './stream-client.ts';
import { StreamTopicPublisher } from './topic-publisher.ts';

const path = '/api/v1/stream';
const maxMessageBytes = 64 << 10;

/** Serves the WebSocket `/api/v1/stream` (`contract/stream-messages.ts`) on one or more HTTP servers. */
export class StreamServer {
  readonly #agent: AgentServices;
  readonly #topics: StreamTopicPublisher;
  readonly #clients = new Set<StreamClient>();
  readonly #server = new WebSocketServer({
    noServer: true,
    perMessageDeflate: false,
    maxPayload: maxMessageBytes,
  });

  readonly #heartbeatMs: number;

  /**
   * Creates a stream server.
   * @param heartbeatMs time in ms after which a client that has not answered a ping is disconnected
   */
  constructor(agent: AgentServices, heartbeatMs = 15_000) {
    this.#agent = agent;
    this.#heartbeatMs = heartbeatMs;
    this.#topics = new StreamTopicPublisher(agent);
  }

  /** Handles the upgrade requests of an HTTP server. @param admit throws ProblemError to reject a request */
  serve(server: Server, admit: (request: IncomingMessage) => void = () => {}): void {
    server.on('upgrade', (request, socket: Duplex, head) => {
      // ws handles socket errors only after the upgrade.
      socket.on('error', () => socket.destroy());
      try {
        admit(request);
        if (request.url?.split('?')[0] !== path)
          throw new ProblemError('not_found', `no WebSocket at ${request.url?.slice(0, 200)}`);
      } catch (error) {
        return rejectUpgrade(socket, error);
      }
      this.#server.handleUpgrade(request, socket, head, (webSocket) => this.#addClient(webSocket));
    });
  }

  /** Closes all client connections with code 1001 (going away) and waits until their sockets are closed. */
  async close(): Promise<void> {
    const clients = [...this.#clients];
    for (const client of clients) client.close(streamCloseCodes.goingAway, 'the agent is stopping');
    this.#server.close();
    await Promise.all(clients.map(({ closed }) => closed));
  }

  #addClient(socket: WebSocket): void {
    const client = new StreamClient(socket);
    const subscriptions = new ClientSubscriptions(this.#agent, this.#topics, client);
    this.#clients.add(client);
    socket.on('message', (data, isBinary) => subscriptions.handle(isBinary ? '' : String(data)));
    // ws closes the socket after an error (message too large, not UTF-8) and sends the client the reason.
    socket.on('error', (error) => this.#agent.log.debug({ err: error }, 'stream client failed'));
    socket.on('close', () => {
      this.#clients.delete(client);
      subscriptions.close();
    });
    terminateWhenUnresponsive(socket, this.#heartbeatMs);
  }
}

function terminateWhenUnresponsive(socket: WebSocket, heartbeatMs: number): void {
  let answered = true;
  socket.on('pong', () => {
    answered = true;
  });
  const timer = setSafeInterval(() => {
    if (!answered) return socket.terminate();
    answered = false;
    socket.ping();
  }, heartbeatMs);
  socket.on('close', () => clearInterval(timer));
}

function rejectUpgrade(socket: Duplex, error: unknown): void {
  const problem = error instanceof ProblemError ? error : new ProblemError('internal', 'the upgrade failed');
  const body = JSON.stringify(problem.toProblem());
  const { status } = problem.toProblem();
  socket.end(
    `HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\n` +
      'content-type: application/problem+json\r\nconnection: close\r\n' +
      `content-length: ${Buffer.byteLength(body)}\r\n\r\n${body}`,
  );
}
