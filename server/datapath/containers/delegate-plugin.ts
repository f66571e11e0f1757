import { accessSync, constants, statSync } from 'node:fs';
import { isAbsolute, join } from 'node:path';
import { CniError, cniErrorCodes } from '../../../contract/cni-error.ts';
import { type CniResult, parseCniResult } from '../../../contract/cni-result.ts';
import {
  type CniVersion,
  cniVersions,
  compareCniVersions,
  isCniVersion,
} from '../../../contract/cni-version.ts';
import { ProblemError } from '../../../contract/problem.ts';
import { runProgram } from '../../kernel/run-program.ts';
import type { CniCommand } from './cni-call.ts';

/** Time in ms that another plugin has; dhcp waits for its server. */
const timeoutMs = 45_000;
const maxOutput = 1 << 20;

/** What another plugin is called with. */
export interface DelegateCall {
  /** Name of the plugin, which is looked for in CNI_PATH. */
  plugin: string;
  environment: Readonly<Record<string, string>>;
  /** Configuration as JSON; its version is set to one that the plugin speaks. */
  config: string;
  version: CniVersion;
}

/** Versions that plugins speak, by their path and the time when the file changed. */
const knownVersions = new Map<string, readonly CniVersion[]>();
const maxKnown = 256;

/**
 * Finds a plugin in the folders of CNI_PATH.
 * @throws ProblemError `delegate_failed` if none has it
 */
export function findPlugin(plugin: string, path: string): string {
  if (plugin.includes('/') || plugin === '' || plugin === '.' || plugin === '..')
    throw new CniError(cniErrorCodes.invalidConfig, `invalid plugin name ${JSON.stringify(plugin)}`);
  for (const folder of path.split(':').filter(isAbsolute)) {
    const file = join(folder, plugin);
    try {
      accessSync(file, constants.X_OK);
      if (statSync(file).isFile()) return file;
    } catch {
      // the next folder
    }
  }
  throw new ProblemError('delegate_failed', `find the plugin ${plugin}: not in CNI_PATH ${path}`, {
    hint: 'Debian’s are in the package containernetworking-plugins, at /usr/lib/cni.',
  });
}

/**
 * Calls another plugin and waits for its end. A plugin that speaks only older versions gets the configuration in the newest
 * that it does.
 * @returns its result; null for commands without one, and for a command that its versions do not have
 * @throws CniError the plugin's own error, ProblemError `delegate_failed`
 */
export async function callPlugin(command: CniCommand, call: DelegateCall): Promise<CniResult | null> {
  const program = findPlugin(call.plugin, call.environment.CNI_PATH ?? '');
  const versions = await readVersions(program, call.environment);
  const version = versions.findLast((each) => compareCniVersions(each, call.version) <= 0);
  if (version === undefined)
    throw new CniError(
      cniErrorCodes.incompatibleVersion,
      `the plugin ${call.plugin} speaks no version up to ${call.version}`,
      `it speaks ${versions.join(', ')}`,
    );
  if (compareCniVersions(version, since[command]) < 0) return null;
  const config = JSON.stringify({ ...(JSON.parse(call.config) as object), cniVersion: version });
  const environment = { ...call.environment, CNI_COMMAND: command, PATH: process.env.PATH ?? '' };
  const { code, stdout, stderr } = await runProgram({
    program,
    environment,
    input: config,
    timeoutMs,
    maxOutput,
  });
  if (code !== 0) throw pluginError(call.plugin, command, stdout, stderr);
  if (command !== 'ADD') return null;
  return parseCniResult(parseJson(call.plugin, stdout), version);
}

/** Versions that commands came with. */
const since: Record<CniCommand, CniVersion> = {
  ADD: '0.1.0',
  DEL: '0.1.0',
  CHECK: '0.4.0',
  STATUS: '1.1.0',
  GC: '1.1.0',
};

async function readVersions(
  program: string,
  environment: DelegateCall['environment'],
): Promise<readonly CniVersion[]> {
  const { mtimeMs, size } = statSync(program);
  const key = `${program} ${mtimeMs} ${size}`;
  const known = knownVersions.get(key);
  if (known !== undefined) return known;
  const { code, stdout } = await runProgram({
    program,
    environment: {
      CNI_PATH: environment.CNI_PATH ?? '',
      CNI_COMMAND: 'VERSION',
      PATH: process.env.PATH ?? '',
    },
    input: '{"cniVersion":"1.1.0"}',
    timeoutMs,
    maxOutput,
  });
  // The first version of the specification has no VERSION.
  const said = code === 0 ? (parseJson(program, stdout).supportedVersions ?? []) : ['0.1.0'];
  const versions = cniVersions.filter(
    (each) => Array.isArray(said) && said.includes(each) && isCniVersion(each),
  );
  if (knownVersions.size >= maxKnown) knownVersions.clear();
  knownVersions.set(key, versions);
  return versions;
}

function parseJson(plugin: string, text: string): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(text);
    if (value !== null && typeof value === 'object') return value as Record<string, unknown>;
  } catch {
    // the error below
  }
  throw new CniError(
    cniErrorCodes.decodingFailure,
    `decode the answer of the plugin ${plugin}: ${JSON.stringify(text.slice(0, 200))}`,
  );
}

function pluginError(plugin: string, command: string, stdout: string, stderr: string): Error {
  try {
    const { code, msg, details } = JSON.parse(stdout) as Record<string, unknown>;
    if (typeof code === 'number' && typeof msg === 'string')
      return new CniError(
        code,
        `plugin ${plugin} failed (${command}): ${msg}`,
        typeof details === 'string' && details !== '' ? details : undefined,
      );
  } catch {
    // the error below
  }
  const said = (stderr || stdout).trim().slice(-500);
  return new ProblemError(
    'delegate_failed',
    `plugin ${plugin} failed (${command}): ${said || 'it said nothing'}`,
  );
}
