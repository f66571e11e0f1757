import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

/**
 * What the namespaces begin with: the machine's files, of which /etc, /opt and /var can be written without the machine noticing;
 * an empty /run, a BPF file system of its own, and a network in which the node has the address 10.200.0.1.
 */
const prepare = `
set -e
state=$1
for folder in etc opt var; do
  mkdir -p $state/upper/$folder $state/work/$folder
  mount -t overlay overlay -o lowerdir=/$folder,upperdir=$state/upper/$folder,workdir=$state/work/$folder /$folder
done
mkdir -p /var/lib/containerd $state/containerd
mount --bind $state/containerd /var/lib/containerd
mount -t tmpfs run /run
mkdir -p /run/netns /run/lock /run/podlane
mount -t bpf bpf /sys/fs/bpf
mkdir -p /etc/cni/net.d /opt/cni/bin /var/log/pods /var/lib/kubelet /var/lib/podlane
# Mounts of a runtime reach containers that ask for it.
mount --make-rshared /
ip link set lo up
ip link add node0 type veth peer name node1
ip address add 10.200.0.1/24 dev node0
ip link set node0 up
ip link set node1 up
ip route add default via 10.200.0.254 dev node0
echo 1 > /proc/sys/net/ipv4/ip_forward
echo 1 > /proc/sys/net/ipv6/conf/all/forwarding
echo ready
exec sleep infinity`;

/** A machine of its own as far as mounts, network and processes go. */
export interface IsolatedMachine {
  /** Id of its first process, as this process sees it. */
  readonly pid: number;
  /** Returns the command that runs a program in it. */
  inside(command: readonly string[]): string[];
  /** Runs a program in it. @returns its standard output */
  run(command: readonly string[], options?: { input?: string; env?: Record<string, string> }): string;
  /** Ends all its processes. */
  close(): Promise<void>;
}

/** Starts a machine. @param state folder for what it writes */
export async function startIsolatedMachine(state: string): Promise<IsolatedMachine> {
  mkdirSync(state, { recursive: true });
  const unshare = spawn(
    'unshare',
    [
      ...['--mount', '--net', '--pid', '--fork', '--kill-child', '--mount-proc', '--propagation', 'private'],
      ...['bash', '--norc', '-c', prepare, 'bash', state],
    ],
    { stdio: ['ignore', 'pipe', 'pipe'] },
  );
  let errors = '';
  unshare.stderr.on('data', (text: Buffer) => {
    errors += text.toString();
  });
  const ended = once(unshare, 'exit');
  const first = await Promise.race([
    once(createInterface({ input: unshare.stdout }), 'line'),
    ended.then(() => {
      throw new Error(`the namespaces of a cluster were not made: ${errors}`);
    }),
  ]);
  if (String(first[0]) !== 'ready') throw new Error(`the namespaces of a cluster: ${String(first[0])}`);
  const parent = unshare.pid ?? 0;
  const pid = Number(
    readFileSync(join('/proc', String(parent), 'task', String(parent), 'children'), 'utf8').trim(),
  );
  const inside = (command: readonly string[]): string[] => [
    ...['nsenter', '--target', String(pid), '--mount', '--net', '--pid', '--'],
    ...command,
  ];
  return {
    pid,
    inside,
    run(command, { input, env = {} } = {}) {
      const [program = '', ...args] = inside(command);
      return execFileSync(program, args, {
        encoding: 'utf8',
        maxBuffer: 64 << 20,
        env: { ...process.env, ...env },
        ...(input === undefined ? {} : { input }),
      });
    },
    async close() {
      unshare.kill('SIGKILL');
      await ended;
    },
  };
}
