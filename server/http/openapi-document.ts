import { EventEmitter } from 'node:events';
import { pino } from 'pino';
import type { Agent } from './agent.ts';
import { buildApp } from './app.ts';

/** The OpenAPI document of all routes, the lab's included, from their schemas: nothing stands behind them. */
export async function openapiDocument(version: string): Promise<object> {
  const nothing = { pods: new EventEmitter(), lab: true, log: pino({ level: 'silent' }) };
  const app = await buildApp(nothing as unknown as Agent, { version });
  const document = app.swagger();
  await app.close();
  return document;
}
