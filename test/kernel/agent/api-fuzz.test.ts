import { readFileSync } from 'node:fs';
import { Agent, request } from 'node:http';
import path from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import {
  type GeneratedRequest,
  type OpenapiDocument,
  RequestGenerator,
} from '../../testbed/api-fuzz/generate-request.ts';
import { openTestGateway } from '../../testbed/open-test-gateway.ts';
import { SeededRandom } from '../../testbed/random.ts';
import { AgentProcess, TestHost } from './agent-fixture.ts';

const count = 20_000;
const parallel = 24;
/** A stream, such as a capture, is left after this time in ms. */
const leaveAfterMs = 300;
/** An idle machine with two processors takes 45 s. */
const limitMs = 300_000;

const document: OpenapiDocument = JSON.parse(
  readFileSync(path.join(import.meta.dirname, '../../../docs/openapi.json'), 'utf8'),
);

/** What searches the whole machine or takes long is asked less often; the switch of the kernel's statistics is everybody's. */
const weights = {
  'GET /api/v1/pods/{id}/network-state': 5,
  'POST /api/v1/pods/{id}/migrations': 8,
  'POST /api/v1/rules/import': 10,
  'PUT /api/v1/rules/staged': 10,
  'GET /api/v1/programs': 1,
  'GET /api/v1/bpf-links': 1,
  'GET /api/v1/maps': 1,
  'GET /api/v1/maps/{id}': 2,
  'GET /api/v1/maps/{id}/export': 1,
  'GET /api/v1/programs/{id}': 2,
  'GET /api/v1/programs/{id}/instructions': 2,
  'PUT /api/v1/maps/{id}/entries': 4,
  'DELETE /api/v1/maps/{id}/entries': 4,
  'GET /api/v1/pods/{id}/capture': 2,
  'POST /api/v1/batches': 4,
  'POST /api/v1/dumps': 1,
  'PUT /api/v1/programs/statistics': 0,
  'DELETE /api/v1/session': 1,
};

/** Where requests are sent to, and with which headers. */
interface Target {
  socketPath?: string;
  host?: string;
  port?: number;
  headers: Record<string, string>;
  agent: Agent;
}

/**
 * Sends a request; again where a kept connection was closed before the request came.
 * @returns its status; 0 where the connection ended without an answer
 */
function send(target: Target, generated: GeneratedRequest): Promise<number> {
  const { method, path: requestPath, headers, body } = generated;
  return new Promise((resolve) => {
    const sent = request(
      { ...target, method, path: requestPath, headers: { ...headers, ...target.headers } },
      (answer) => {
        const leave = setTimeout(() => answer.destroy(), leaveAfterMs);
        answer.resume().once('close', () => {
          clearTimeout(leave);
          resolve(answer.statusCode ?? 0);
        });
      },
    );
    sent.on('error', () => resolve(sent.reusedSocket ? send(target, generated) : 0));
    // Servers leave the body of HEAD unread, and it would be taken for the next request.
    sent.end(method === 'HEAD' ? undefined : body);
  });
}

test(`${count.toLocaleString('en')} requests generated from the API description, to the socket and through the gateway, are answered without a 5xx`, {
  timeout: limitMs,
}, async () => {
  const seed = Number(process.env.PODLANE_SEED ?? Math.floor(Math.random() * 2 ** 31));
  console.log(`PODLANE_SEED=${seed}`);
  const host = new TestHost();
  const agent = await new AgentProcess(host, '--lab', '--log-level', 'error').ready();
  const cart = await agent.attach('cart', 33);
  await agent.attach('web', 34, { app: 'web' });
  const gateway = await openTestGateway(host.socket);
  onTestFinished(() => gateway.stop());
  const viewer = await gateway.signIn('viewer');
  const connections = [0, 1].map(() => new Agent({ keepAlive: true, maxSockets: parallel }));
  onTestFinished(() => connections.forEach((each) => void each.destroy()));
  const targets: Target[] = [
    { socketPath: host.socket, headers: {}, agent: connections[0]! },
    { host: '127.0.0.1', port: gateway.port, headers: await gateway.signIn('admin'), agent: connections[1]! },
  ];
  const sessions = JSON.parse((await gateway.call('/api/v1/sessions', viewer)).text).items;
  const known = [sessions[0].id, cart.id, 'shop.cart', 'shop.web', cart.path, String(cart.primary.ifindex)];
  const generator = new RequestGenerator(document, new SeededRandom(seed), known, weights);
  const failed: string[] = [];
  const statuses = new Map<number, number>();
  let signingIn: Promise<void> | null = null;
  /** Signs in once for all requests that have no session any more; each link to sign in replaces the one before. */
  const signInAgain = (target: Target): Promise<void> => {
    signingIn ??= gateway.signIn('admin').then((headers) => {
      target.headers = headers;
      signingIn = null;
    });
    return signingIn;
  };
  let left = count;
  const work = async (): Promise<void> => {
    while (left > 0 && failed.length < 20) {
      left -= 1;
      const generated = generator.next();
      const target = targets[left % targets.length]!;
      const status = await send(target, generated);
      // The session was ended by a request.
      if (status === 401) await signInAgain(target);
      statuses.set(status, (statuses.get(status) ?? 0) + 1);
      if (status >= 500 || status === 0)
        failed.push(`${status} ${generated.method} ${generated.path} ${generated.body?.slice(0, 300) ?? ''}`);
    }
  };
  await Promise.all(Array.from({ length: parallel }, work));
  console.log(JSON.stringify(Object.fromEntries([...statuses].sort(([a], [b]) => a - b))));
  expect(failed).toEqual([]);
  expect((await agent.call('GET', '/health')).status).toBe(200);
  // Much must have been valid: what is always refused tests nothing.
  expect((statuses.get(200) ?? 0) / count).toBeGreaterThan(0.1);
});
