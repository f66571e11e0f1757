import { chmodSync, chownSync, lstatSync, mkdirSync, unlinkSync } from 'node:fs';
import { connect } from 'node:net';
import path from 'node:path';
import type { FastifyInstance } from 'fastify';
import { ProblemError } from '../../contract/problem.ts';

const listenFailed = (where: string, why: string, hint: string, cause?: unknown) =>
  new ProblemError('unprocessable', `listen on ${where}: ${why}`, { hint, cause });

/** A server that can listen on the path of a Unix socket. */
export interface UnixSocketServer {
  listen(options: { path: string }): Promise<unknown>;
}

/**
 * Listens on a Unix socket that only root and the group may use, by default with mode 0660, and replaces a socket file that
 * no process listens on.
 * @throws ProblemError `unprocessable`: another agent listens there, or the path cannot be a socket
 */
export async function listenOnUnixSocket(
  server: UnixSocketServer,
  file: string,
  gid: number | null,
  mode = 0o660,
): Promise<void> {
  mkdirSync(path.dirname(file), { recursive: true, mode: 0o755 });
  await removeStaleSocket(file);
  // The socket is created with the process's umask, so that nobody can connect between bind and chown.
  const mask = process.umask(0o177);
  try {
    await server.listen({ path: file });
    if (gid !== null) chownSync(file, 0, gid);
    chmodSync(file, mode);
  } catch (error) {
    throw listenFailed(
      file,
      (error as Error).message,
      'choose another --socket, or make its folder writable',
      error,
    );
  } finally {
    process.umask(mask);
  }
}

async function removeStaleSocket(file: string): Promise<void> {
  const found = lstatSync(file, { throwIfNoEntry: false });
  if (found === undefined) return;
  if (!found.isSocket())
    throw listenFailed(
      file,
      'the file exists and is not a socket',
      'move it away, or choose another --socket',
    );
  if (await isListening(file))
    throw listenFailed(file, 'another agent listens there', 'stop it, or give this one its own --socket');
  unlinkSync(file);
}

function isListening(file: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(file);
    socket.on('connect', () => {
      socket.destroy();
      resolve(true);
    });
    // EAGAIN: a process listens and its backlog is full. ECONNREFUSED: no process listens.
    socket.on('error', (error: NodeJS.ErrnoException) => resolve(error.code !== 'ECONNREFUSED'));
  });
}

/**
 * Listens on a TCP address.
 * @throws ProblemError `unprocessable` if the address is in use or is not an address of this machine
 */
export async function listenOnTcp(
  app: Pick<FastifyInstance, 'listen'>,
  host: string,
  port: number,
): Promise<void> {
  try {
    await app.listen({ host, port });
  } catch (error) {
    throw listenFailed(`${host}:${port}`, (error as Error).message, 'choose another --listen', error);
  }
}
