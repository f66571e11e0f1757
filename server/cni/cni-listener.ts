import { once } from 'node:events';
import { createServer, type Server, type Socket } from 'node:net';
import type { Logger } from 'pino';
import { readCniVersion } from '../../contract/cni-config.ts';
import { CniError, cniCodeOfProblem, cniErrorCodes, cniInternalErrorCode } from '../../contract/cni-error.ts';
import { ProblemError } from '../../contract/problem.ts';
import { type CniCall, parseCniCall } from '../datapath/containers/cni-call.ts';
import type { Containers } from '../datapath/containers/containers.ts';
import { listenOnUnixSocket } from '../http/listen.ts';
import { readPeerCredentials } from '../kernel/peer-credentials.ts';

/** Maximum sizes in bytes of a request's head, and of a call: the plugin's limit and some more. */
const maxHeadBytes = 4096;
const maxBodyBytes = 2 << 20;
/** Maximum number of calls at once; further ones wait in the socket's backlog. */
const maxConnections = 512;
/** Time in ms in which a request has to arrive: the plugin sends it at once. */
const requestTimeoutMs = 30_000;

export interface CniListener {
  /** Finishes running calls and removes the socket file. */
  close(): Promise<void>;
}

/**
 * Listens for calls of the plugin on a Unix socket that only root may use. The plugin speaks as much HTTP as is read here,
 * one request a connection: a container's start waits for each part of a millisecond.
 * @throws ProblemError `unprocessable` if the socket cannot be opened
 */
export async function openCniListener(
  containers: Pick<Containers, 'run'>,
  file: string,
  log: Logger,
): Promise<CniListener> {
  const server = createServer({ allowHalfOpen: true }, (connection) => {
    connection.setTimeout(requestTimeoutMs, () => connection.destroy());
    connection.on('error', (err) => log.debug({ err }, 'a CNI call ended before its answer'));
    void serve(containers, connection, log);
  });
  server.maxConnections = maxConnections;
  const listen = async ({ path }: { path: string }): Promise<void> => {
    server.listen(path);
    await once(server, 'listening');
  };
  await listenOnUnixSocket({ listen }, file, null, 0o600);
  return { close: () => closeServer(server) };
}

const closeServer = (server: Server): Promise<void> =>
  new Promise((resolve) => {
    server.close(() => resolve());
  });

/** Answers the one request of a connection. Never rejects. */
async function serve(containers: Pick<Containers, 'run'>, connection: Socket, log: Logger): Promise<void> {
  const { status, body } = await answer(containers, connection, log).catch((err: unknown) => {
    log.error({ err }, 'a CNI call failed');
    return { status: 500, body: formatError(toCniError(err), '0.1.0') };
  });
  // The call may take as long as it does; its answer may not.
  connection.setTimeout(requestTimeoutMs);
  connection.end(
    `HTTP/1.1 ${status}\r\nContent-Type: application/json\r\nContent-Length: ${Buffer.byteLength(body)}\r\nConnection: close\r\n\r\n${body}`,
  );
}

async function answer(
  containers: Pick<Containers, 'run'>,
  connection: Socket,
  log: Logger,
): Promise<{ status: number; body: string }> {
  if (readPeerCredentials(connection)?.uid !== 0)
    return { status: 403, body: formatError(forbidden, '0.1.0') };
  const request = await readRequest(connection);
  if (request === null) return { status: 400, body: formatError(badRequest, '0.1.0') };
  connection.setTimeout(0);
  let call: CniCall | null = null;
  try {
    call = parseCniCall(request);
    const result = await containers.run(call);
    return { status: 200, body: result === null ? '' : JSON.stringify(result) };
  } catch (error) {
    const failed = toCniError(error);
    if (failed.code === cniInternalErrorCode) log.error({ err: error }, 'a CNI call failed');
    return { status: 500, body: formatError(failed, readCniVersion(call?.config ?? '')) };
  }
}

const forbidden = new CniError(cniErrorCodes.ioFailure, 'the agent’s CNI socket is for root');
const badRequest = new CniError(cniErrorCodes.decodingFailure, 'not a call of the CNI plugin');

/** Reads `POST /cni` with its body. @returns null if something else came */
async function readRequest(connection: Socket): Promise<Buffer | null> {
  let received: Buffer = Buffer.alloc(0);
  let end = -1;
  let total = Number.POSITIVE_INFINITY;
  for await (const chunk of connection.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
    received = received.length === 0 ? chunk : Buffer.concat([received, chunk]);
    if (end < 0) {
      end = received.indexOf('\r\n\r\n');
      if (end < 0 && received.length > maxHeadBytes) return null;
      if (end >= 0) {
        const head = received.toString('latin1', 0, end);
        const [, length] =
          /^POST \/cni HTTP\/1\.1\r\n(?:.*\r\n)*?Content-Length: (\d{1,7})(?:\r\n|$)/i.exec(head) ?? [];
        if (length === undefined || Number(length) > maxBodyBytes) return null;
        total = end + 4 + Number(length);
      }
    }
    if (received.length >= total) return received.subarray(end + 4, total);
  }
  return null;
}

/** Converts any error to one of CNI. */
function toCniError(error: unknown): CniError {
  if (error instanceof CniError) return error;
  if (error instanceof ProblemError)
    return new CniError(cniCodeOfProblem[error.code] ?? cniInternalErrorCode, error.message, error.hint);
  if (error instanceof Error && error.name === 'AbortError')
    return new CniError(cniErrorCodes.tryAgainLater, 'the agent is stopping');
  return new CniError(cniInternalErrorCode, error instanceof Error ? error.message : String(error));
}

const formatError = ({ code, message, details }: CniError, cniVersion: string): string =>
  JSON.stringify({ cniVersion, code, msg: message, ...(details === undefined ? {} : { details }) });
