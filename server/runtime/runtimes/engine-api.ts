import { type IncomingMessage, request } from 'node:http';

/** Maximum size of an answer in bytes. */
const maxAnswerBytes = 32 << 20;
/** Maximum length of one event; events have no more than labels. */
const maxEventBytes = 1 << 20;

/**
 * Sends a GET request to an HTTP API on a Unix socket, as Docker and Podman have it, and returns the JSON of the answer.
 * @throws Error if there is no answer, another status than 200, or no JSON
 */
export async function getFromSocket(socketPath: string, path: string, signal: AbortSignal): Promise<unknown> {
  const response = await open(socketPath, path, signal);
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of response) {
    bytes += (chunk as Buffer).length;
    if (bytes > maxAnswerBytes) {
      response.destroy();
      throw new Error(`GET ${path}: an answer of more than ${maxAnswerBytes} bytes`);
    }
    chunks.push(chunk as Buffer);
  }
  const text = Buffer.concat(chunks).toString('utf8');
  if (response.statusCode !== 200)
    throw new Error(`GET ${path}: ${response.statusCode} ${text.trim().slice(0, 200)}`);
  try {
    return JSON.parse(text);
  } catch {
    throw new Error(`GET ${path}: the answer is not JSON: ${JSON.stringify(text.slice(0, 80))}`);
  }
}

/** Calls `received` for every event of a stream of JSON lines, until the runtime ends it. */
export async function followEvents(
  socketPath: string,
  path: string,
  received: () => void,
  signal: AbortSignal,
): Promise<void> {
  const response = await open(socketPath, path, signal);
  if (response.statusCode !== 200) {
    response.destroy();
    throw new Error(`GET ${path}: ${response.statusCode}`);
  }
  let pending = 0;
  for await (const chunk of response) {
    const text = chunk as Buffer;
    pending += text.length;
    if (text.includes('\n')) {
      pending = 0;
      received();
    } else if (pending > maxEventBytes) {
      response.destroy();
      throw new Error(`GET ${path}: an event of more than ${maxEventBytes} bytes`);
    }
  }
}

function open(socketPath: string, path: string, signal: AbortSignal): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    request({ socketPath, path, agent: false, headers: { host: 'localhost' }, signal }, resolve)
      .on('error', (error) => reject(signal.aborted ? signal.reason : error))
      .end();
  });
}
