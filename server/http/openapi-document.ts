import { EventEmitter } from 'node:events';
import { pino } from 'pino';
import type { AgentServices } from './agent-services.ts';
import { buildApiApp } from './app.ts';

/** Builds the OpenAPI document of all HTTP routes, including the lab's, without a running agent. */
export async function buildOpenapiDocument(version: string): Promise<object> {
  const noAgent = {
    pods: new EventEmitter(),
    observed: new EventEmitter(),
    lab: true,
    log: pino({ level: 'silent' }),
  };
  const app = await buildApiApp(noAgent as unknown as AgentServices, { version });
  const document = app.swagger();
  await app.close();
  return document;
}
