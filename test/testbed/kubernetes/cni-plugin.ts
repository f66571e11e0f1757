import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { requestAgent } from '../../../server/lab/agent-client.ts';

// A CNI plugin (SPEC 1.0.0) that attaches containers through the agent's API, with addresses of a /24: for the tests of a
// cluster, which are about what comes after that.

const env = (name: string): string => process.env[name] ?? '';
const { CNI_COMMAND: command } = process.env;
const socketPath = '/run/podlane/agent.sock';
const leases = '/run/podlane-testbed';
const prefix = '10.244.0.';

const args = Object.fromEntries(
  env('CNI_ARGS')
    .split(';')
    .map((pair) => pair.split('=') as [string, string]),
);
const pod = { namespace: args.K8S_POD_NAMESPACE ?? 'default', name: args.K8S_POD_NAME ?? '' };

/** Takes the first free address, by a file that nobody else can create. */
function lease(): string {
  mkdirSync(leases, { recursive: true });
  for (let host = 2; host < 255; host += 1) {
    try {
      writeFileSync(join(leases, String(host)), env('CNI_CONTAINERID'), { flag: 'wx' });
      return `${prefix}${host}`;
    } catch {
      // Taken.
    }
  }
  throw new Error('no address is free');
}

function release(address: string): void {
  rmSync(join(leases, address.slice(prefix.length)), { force: true });
}

async function add(): Promise<object> {
  const address = lease();
  try {
    await requestAgent({ socketPath }, 'POST', '/api/v1/pods', {
      body: {
        ...pod,
        netns: env('CNI_NETNS').replace('/var/run/', '/run/'),
        interface: env('CNI_IFNAME'),
        addresses: [`${address}/32`],
        ...(args.K8S_POD_UID === undefined ? {} : { uid: args.K8S_POD_UID }),
      },
    });
  } catch (error) {
    release(address);
    throw error;
  }
  return {
    cniVersion: '1.0.0',
    interfaces: [{ name: env('CNI_IFNAME'), sandbox: env('CNI_NETNS') }],
    ips: [{ address: `${address}/32`, interface: 0 }],
  };
}

async function remove(): Promise<null> {
  const name = `${pod.namespace}.${pod.name}`;
  try {
    const found = (await requestAgent({ socketPath }, 'GET', `/api/v1/pods/${name}`)) as {
      addresses: string[];
    };
    await requestAgent({ socketPath }, 'DELETE', `/api/v1/pods/${name}`);
    for (const address of found.addresses) release(address.replace(/\/.*/, ''));
  } catch (error) {
    if ((error as { code?: string }).code !== 'pod_not_found') throw error;
  }
  return null;
}

try {
  readFileSync(0);
  const result =
    command === 'ADD'
      ? await add()
      : command === 'DEL'
        ? await remove()
        : command === 'VERSION'
          ? { cniVersion: '1.0.0', supportedVersions: ['0.4.0', '1.0.0'] }
          : null;
  if (result !== null) process.stdout.write(JSON.stringify(result));
} catch (error) {
  process.stdout.write(JSON.stringify({ cniVersion: '1.0.0', code: 11, msg: (error as Error).message }));
  process.exitCode = 1;
}
