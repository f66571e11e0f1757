import { chmodSync, chownSync, lstatSync, mkdirSync, unlinkSync } from 'node:fs';
import { connect } from 'node:net';
import path from 'node:path';
import type { FastifyInstance } from 'fastify';
import { ProblemError } from '../../contract/problem.ts';

const listenFailed = (where: string, why: string, hint: string, cause?: unknown) =>
  new ProblemError('unprocessable', `listen on ${where}: ${why}`, { hint, cause });

/**
 * Listens on a Unix socket that only root and the group may use (mode 0660). Takes the place of a socket
 * file that nobody answers on.
 * @throws ProblemError `unprocessable`: another agent answers there, or the path cannot be a socket
 */
export async function listenOnSocket(app: FastifyInstance, file: string, gid: number | null): Promise<void> {
  mkdirSync(path.dirname(file), { recursive: true, mode: 0o755 });
  await removeStaleSocket(file);
  // The socket is made with the process's mask: nobody gets in between its bind and the chown.
  const mask = process.umask(0o177);
  try {
    await app.listen({ path: file });
    if (gid !== null) chownSync(file, 0, gid);
    chmodSync(file, 0o660);
  } catch (error) {
    throw listenFailed(
      file,
      (error as Error).message,
      'choose another --socket, or see that its folder is writable',
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
    throw listenFailed(file, 'there is a file that is no socket', 'move it away, or choose another --socket');
  if (await isListening(file))
    throw listenFailed(file, 'another agent answers there', 'stop it, or give this one its own --socket');
  unlinkSync(file);
}

function isListening(file: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(file);
    socket.on('connect', () => {
      socket.destroy();
      resolve(true);
    });
    // EAGAIN: someone listens whose backlog is full. ECONNREFUSED: nobody does.
    socket.on('error', (error: NodeJS.ErrnoException) => resolve(error.code !== 'ECONNREFUSED'));
  });
}

/** @throws ProblemError `unprocessable`: the address is taken or not this machine's */
export async function listenOnTcp(app: FastifyInstance, host: string, port: number): Promise<void> {
  try {
    await app.listen({ host, port });
  } catch (error) {
    throw listenFailed(`${host}:${port}`, (error as Error).message, 'choose another --listen', error);
  }
}
