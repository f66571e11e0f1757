import { once } from 'node:events';
import { WebSocket } from 'ws';
import type { ClientMessage, ServerMessage } from '../../contract/stream-messages.ts';
import type { TestNode } from './node.ts';

type Subscription = ClientMessage extends infer M
  ? M extends unknown
    ? Omit<M, 'id' | 'type'>
    : never
  : never;

/** What a stream brings, kept. */
export interface StreamListener extends Disposable {
  readonly messages: ServerMessage[];
  got<T extends ServerMessage['type']>(type: T): Extract<ServerMessage, { type: T }>[];
}

/** Subscribes, and resolves when the agent has said yes. @throws Error with what it said instead */
export async function listenToStream(
  { socket }: Pick<TestNode, 'socket'>,
  wanted: Subscription,
): Promise<StreamListener> {
  const stream = new WebSocket(`ws+unix:${socket}:/api/v1/stream`);
  const messages: ServerMessage[] = [];
  const answered = new Promise<void>((resolve, reject) =>
    stream.on('message', (data: Buffer, isBinary) => {
      if (isBinary) return;
      const message = JSON.parse(String(data)) as ServerMessage;
      messages.push(message);
      if (message.type === 'ack') resolve();
      if (message.type === 'error') reject(new Error(JSON.stringify(message.problem)));
    }),
  );
  await once(stream, 'open');
  stream.send(JSON.stringify({ id: 1, type: 'subscribe', ...wanted }));
  await answered;
  return {
    messages,
    got: <T extends ServerMessage['type']>(type: T) =>
      messages.filter((message): message is Extract<ServerMessage, { type: T }> => message.type === type),
    [Symbol.dispose]: () => stream.terminate(),
  };
}
