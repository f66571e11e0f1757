import { EventEmitter } from 'node:events';
import { pino } from 'pino';
import type { Agent } from './agent.ts';
import { buildApp } from './app.ts';

/** Returns the OpenAPI document of all routes, including the lab's. It needs only their schemas, so no agent runs. */
export async function openapiDocument(version: string): Promise<object> {
  const noAgent = { pods: new EventEmitter(), lab: true, log: pino({ level: 'silent' }) };
  const app = await buildApp(noAgent as unknown as Agent, { version });
  const document = app.swagger();
  await app.close();
  return document;
}
