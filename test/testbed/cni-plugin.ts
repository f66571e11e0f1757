import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { expect, onTestFinished } from 'vitest';
import type { CniStatus } from '../../contract/container.ts';
import type { PodSummary } from '../../contract/pod.ts';
import { countNodeObjects } from './many-pods.ts';
import type { TestNode } from './node.ts';

/** The plugin as set-up builds it. */
export const pluginPath = join(import.meta.dirname, '../../.cache/cni/podlane');

/** What the plugin ended with. */
export interface PluginAnswer {
  code: number;
  /** Standard output as JSON; null if there was none. */
  // biome-ignore lint/suspicious/noExplicitAny: tests look into results of all versions
  output: any;
  stderr: string;
}

export interface PluginCall {
  /** Container id; the variable is not set without it. */
  id?: string;
  netns?: string;
  interface?: string;
  args?: string;
  /** Network configuration; text is passed as it is. */
  config?: object | string;
  environment?: Record<string, string>;
}

/** Socket of the agent for its plugin. */
export const cniSocketOf = ({ socket }: Pick<TestNode, 'socket'>): string => join(dirname(socket), 'cni.sock');

/** Runs the plugin as a runtime does. */
export function runPlugin(
  socket: string,
  command: string,
  { id, netns, interface: name = 'eth0', args, config = {}, environment = {} }: PluginCall = {},
): Promise<PluginAnswer> {
  if (!existsSync(pluginPath)) throw new Error('the CNI plugin is not built: bash scripts/build-cni.sh');
  const variables: Record<string, string> = {
    CNI_COMMAND: command,
    CNI_PATH: '/usr/lib/cni',
    ...(id === undefined ? {} : { CNI_CONTAINERID: id, CNI_IFNAME: name }),
    ...(netns === undefined ? {} : { CNI_NETNS: netns }),
    ...(args === undefined ? {} : { CNI_ARGS: args }),
    PODLANE_CNI_SOCKET: socket,
    ...environment,
  };
  return new Promise((resolve, reject) => {
    const child = spawn(pluginPath, [], { stdio: 'pipe', env: variables as NodeJS.ProcessEnv });
    let stdout = '';
    let stderr = '';
    child.stdout.on('data', (chunk) => {
      stdout += chunk;
    });
    child.stderr.on('data', (chunk) => {
      stderr += chunk;
    });
    child.on('error', reject);
    child.on('close', (code) =>
      resolve({ code: code ?? -1, output: stdout === '' ? null : JSON.parse(stdout), stderr }),
    );
    // A plugin that refuses its environment may end before it has read all.
    child.stdin.on('error', () => {});
    child.stdin.end(typeof config === 'string' ? config : JSON.stringify(config));
  });
}

/** A network with a pool of its own. */
export const poolNetwork = (more: object = {}): object => ({
  cniVersion: '1.1.0',
  name: 'net',
  type: 'podlane',
  pool: ['10.44.0.0/24', 'fd44::/64'],
  ...more,
});

/** Writes programs that take the place of other plugins. @returns their folder, for CNI_PATH */
export function writePlugins(scripts: Record<string, string>): string {
  const folder = mkdtempSync(join(tmpdir(), 'podlane-t-cni-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  for (const [name, script] of Object.entries(scripts))
    writeFileSync(join(folder, name), `#!/bin/sh\n${script}`, { mode: 0o755 });
  return folder;
}

export const cniStatusOf = (node: TestNode): Promise<CniStatus> => node.ask('GET', '/cni');

export const podsOf = async (node: TestNode): Promise<PodSummary[]> =>
  (await node.ask<{ items: PodSummary[] }>('GET', '/pods?limit=500')).items;

/** Nothing is left of containers: no device, route, pin, slot, record, deletion, mapped port. */
export async function expectNoContainers(node: TestNode): Promise<void> {
  // The kernel ends a deletion after the runtime has its answer.
  await expect
    .poll(() => countNodeObjects(node))
    .toEqual({ devices: 0, routes: 0, pins: 0, slots: 0 });
  expect(await podsOf(node)).toEqual([]);
  const status = await cniStatusOf(node);
  expect(status).toMatchObject({ containers: 0, misplaced: 0, pending: 0 });
  expect(status.pools.filter(({ used }) => used > 0)).toEqual([]);
  const pending = join(dirname(node.socket), 'cni.pending');
  expect(existsSync(pending) ? readdirSync(pending) : []).toEqual([]);
}
