import { type ChildProcess, spawn } from 'node:child_process';
import { generateKeyPairSync } from 'node:crypto';
import { chmodSync, mkdirSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { KubernetesPrograms } from '../../../scripts/kubernetes/build-kubernetes.ts';
import { requestAgent } from '../../../server/lab/agent-client.ts';
import { type IsolatedMachine, startIsolatedMachine } from './isolated-machine.ts';

const clone = join(import.meta.dirname, '../../..');
const apiServer = 'https://10.200.0.1:6443';
export const nodeName = 'n1';
/** Image of sandboxes in the archive of the tests. */
export const pauseImage = 'podlane.local/pause:1';
/** Time in ms that a part of the cluster has to come up. */
const readyMs = 180_000;

const containerdConfig = `version = 2
root = "/var/lib/containerd"
state = "/run/containerd"
[grpc]
  address = "/run/containerd/containerd.sock"
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "${pauseImage}"
  restrict_oom_score_adj = true
  disable_apparmor = true
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "/opt/cni/bin"
    conf_dir = "/etc/cni/net.d"
`;

const network = {
  cniVersion: '1.0.0',
  name: 'podlane',
  plugins: [{ type: 'podlane-testbed' }],
};

/** A cluster of one node, of real parts: etcd, API server, controllers, scheduler, containerd, kubelet, kube-proxy. */
export interface TestCluster extends AsyncDisposable {
  readonly machine: IsolatedMachine;
  /** Folder with the logs of all parts. */
  readonly logs: string;
  /** Runs kubectl as an admin. @returns its standard output */
  kubectl(args: readonly string[], input?: string): string;
  /** Applies objects. */
  apply(...objects: object[]): void;
  /** Reads an object, or a list, as JSON. */
  get<T>(...args: string[]): T;
  /** Asks the agent of the node, over its socket. @throws ProblemError */
  agent<T>(method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE', path: string, body?: unknown): Promise<T>;
  /** Ends the API server, as a crash does, and starts it again. */
  readonly api: { stop(): void; start(): Promise<void> };
}

/**
 * Starts a cluster in namespaces of its own.
 * @param archive images to import
 */
export async function startTestCluster(programs: KubernetesPrograms, archive: string): Promise<TestCluster> {
  const folder = mkdtempSync(join(tmpdir(), 'podlane-cluster-'));
  const logs = join(folder, 'logs');
  const pki = join(folder, 'pki');
  for (const part of [logs, pki]) mkdirSync(part);
  const machine = await startIsolatedMachine(join(folder, 'machine'));
  const env = {
    ...process.env,
    ...programs.environment,
    // containerd finds its shim and runc there.
    PATH: `${programs.root}/usr/bin:${programs.root}/usr/sbin:${process.env.PATH}`,
  };
  const children = new Map<string, ChildProcess>();
  const start = (name: string, args: readonly string[]): void => {
    const log = openSync(join(logs, `${name}.log`), 'a');
    const [program = '', ...rest] = machine.inside([programs.program(name), ...args]);
    const child = spawn(program, rest, { stdio: ['ignore', log, log], env });
    children.set(name, child);
  };
  const kubeconfig = join(folder, 'kubeconfig');
  const kubectl = (args: readonly string[], input?: string): string =>
    machine.run([programs.program('kubectl'), `--kubeconfig=${kubeconfig}`, ...args], {
      env: { ...programs.environment, HOME: folder },
      ...(input === undefined ? {} : { input }),
    });
  const waitFor = async (what: string, holds: () => boolean): Promise<void> => {
    const end = Date.now() + readyMs;
    for (;;) {
      try {
        if (holds()) return;
      } catch {
        // Not yet.
      }
      if (Date.now() > end) throw new Error(`${what} is not ready; the logs are in ${logs}`);
      await sleep(200);
    }
  };
  const startApi = async (): Promise<void> => {
    start('kube-apiserver', apiServerFlags(pki));
    await waitFor('the API server', () => kubectl(['get', '--raw', '/readyz']) === 'ok');
  };
  const dispose = async (): Promise<void> => {
    await machine.close();
    rmSync(folder, { recursive: true, force: true, maxRetries: 10, retryDelay: 200 });
  };
  try {
    writeCredentials(pki, kubeconfig);
    writePlugin(machine, folder);
    machine.run(['tee', '/run/containerd.toml'], { input: containerdConfig });
    start('etcd', etcdFlags);
    start('containerd', ['--config', '/run/containerd.toml']);
    await startApi();
    const ctr = [programs.program('ctr'), '--address', '/run/containerd/containerd.sock'];
    await waitFor('containerd', () => machine.run([...ctr, 'version'], { env: programs.environment }) !== '');
    machine.run([...ctr, '--namespace', 'k8s.io', 'images', 'import', archive], {
      env: programs.environment,
    });
    start('kube-controller-manager', [
      `--kubeconfig=${kubeconfig}`,
      '--leader-elect=false',
      ...['--port=0', '--secure-port=0'],
      `--service-account-private-key-file=${pki}/sa.key`,
      `--root-ca-file=${pki}/certs/apiserver.crt`,
    ]);
    start('kube-scheduler', [
      `--kubeconfig=${kubeconfig}`,
      '--leader-elect=false',
      ...['--port=0', '--secure-port=0'],
    ]);
    start('kubelet', kubeletFlags(kubeconfig));
    start('kube-proxy', kubeProxyFlags(kubeconfig));
    await waitFor('the node', () => /\bReady\b/.test(kubectl(['get', 'node', nodeName])));
  } catch (error) {
    const text = tailOf(logs, children.keys());
    await dispose();
    throw new Error(`${(error as Error).message}\n${text}`, { cause: error });
  }
  return {
    machine,
    logs,
    kubectl,
    apply(...objects) {
      kubectl(['apply', '-f', '-'], objects.map((object) => JSON.stringify(object)).join('\n---\n'));
    },
    get: <T>(...args: string[]) => JSON.parse(kubectl(['get', ...args, '-o', 'json'])) as T,
    agent: <T>(method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE', path: string, body?: unknown) =>
      requestAgent(
        { socketPath: `/proc/${machine.pid}/root/run/podlane/agent.sock` },
        method,
        `/api/v1${path}`,
        { body },
      ) as Promise<T>,
    api: { stop: () => killInside(children.get('kube-apiserver')), start: startApi },
    [Symbol.asyncDispose]: dispose,
  };
}

/** Kills a program that nsenter has started: it waits outside of the namespaces. */
function killInside(nsenter: ChildProcess | undefined): void {
  if (nsenter?.pid === undefined) return;
  const children = readFileSync(`/proc/${nsenter.pid}/task/${nsenter.pid}/children`, 'utf8');
  for (const pid of children.trim().split(/\s+/).filter(Boolean)) process.kill(Number(pid), 'SIGKILL');
}

const etcdFlags = [
  '--data-dir=/run/etcd',
  '--listen-client-urls=http://127.0.0.1:2379',
  '--advertise-client-urls=http://127.0.0.1:2379',
  '--listen-peer-urls=http://127.0.0.1:2380',
  // Nothing of it has to outlive the test.
  '--unsafe-no-fsync',
];

const apiServerFlags = (pki: string): string[] => [
  '--etcd-servers=http://127.0.0.1:2379',
  `--cert-dir=${pki}/certs`,
  '--service-account-issuer=https://kubernetes.default.svc',
  `--service-account-signing-key-file=${pki}/sa.key`,
  `--service-account-key-file=${pki}/sa.pub`,
  `--token-auth-file=${pki}/tokens.csv`,
  '--authorization-mode=RBAC',
  '--service-cluster-ip-range=10.96.0.0/24',
  '--bind-address=10.200.0.1',
  '--advertise-address=10.200.0.1',
  '--secure-port=6443',
  '--allow-privileged',
];

const kubeProxyFlags = (kubeconfig: string): string[] => [
  `--kubeconfig=${kubeconfig}`,
  '--proxy-mode=iptables',
  '--cluster-cidr=10.244.0.0/16',
  `--hostname-override=${nodeName}`,
  // Limits of the machine's conntrack are not the cluster's.
  '--conntrack-max-per-core=0',
  '--conntrack-tcp-timeout-established=0',
  '--conntrack-tcp-timeout-close-wait=0',
];

const kubeletFlags = (kubeconfig: string): string[] => [
  `--kubeconfig=${kubeconfig}`,
  '--container-runtime=remote',
  '--container-runtime-endpoint=unix:///run/containerd/containerd.sock',
  `--hostname-override=${nodeName}`,
  '--node-ip=10.200.0.1',
  '--cert-dir=/var/lib/kubelet/pki',
  '--volume-plugin-dir=/var/lib/kubelet/plugins',
  '--cgroup-driver=cgroupfs',
  // Other kubelets of this machine would use the same cgroups.
  '--cgroups-per-qos=false',
  '--enforce-node-allocatable=',
  '--fail-swap-on=false',
  '--read-only-port=0',
  '--healthz-port=0',
  '--authentication-token-webhook=false',
  '--anonymous-auth=true',
  '--authorization-mode=AlwaysAllow',
  '--eviction-hard=',
  '--sync-frequency=1s',
];

function writeCredentials(pki: string, kubeconfig: string): void {
  const { privateKey, publicKey } = generateKeyPairSync('rsa', {
    modulusLength: 2048,
    privateKeyEncoding: { type: 'pkcs1', format: 'pem' },
    publicKeyEncoding: { type: 'spki', format: 'pem' },
  });
  writeFileSync(join(pki, 'sa.key'), privateKey, { mode: 0o600 });
  writeFileSync(join(pki, 'sa.pub'), publicKey);
  writeFileSync(join(pki, 'tokens.csv'), 'admin-token,admin,1,"system:masters"\n');
  const config = {
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [{ name: 'c', cluster: { server: apiServer, 'insecure-skip-tls-verify': true } }],
    users: [{ name: 'u', user: { token: 'admin-token' } }],
    contexts: [{ name: 'x', context: { cluster: 'c', user: 'u' } }],
    'current-context': 'x',
  };
  writeFileSync(kubeconfig, JSON.stringify(config));
}

/** Installs the plugin of the testbed, which attaches containers through the agent's API. */
function writePlugin(machine: IsolatedMachine, folder: string): void {
  const script = join(folder, 'podlane-testbed');
  const plugin = join(clone, 'test/testbed/kubernetes/cni-plugin.ts');
  writeFileSync(script, `#!/bin/sh\nexec ${process.execPath} ${plugin}\n`);
  chmodSync(script, 0o755);
  machine.run(['cp', script, '/opt/cni/bin/podlane-testbed']);
  machine.run(['tee', '/etc/cni/net.d/10-podlane.conflist'], { input: JSON.stringify(network) });
}

/** Returns the ends of the logs, for a failure. */
const tailOf = (logs: string, names: Iterable<string>): string =>
  [...names]
    .map((name) => {
      const lines = readFileSync(join(logs, `${name}.log`), 'utf8')
        .trimEnd()
        .split('\n');
      return `${name}:\n${lines.slice(-5).join('\n')}`;
    })
    .join('\n');
