import { type CniNetworkType, formatCniNetwork } from './cni-network.ts';
import type { Container, ContainerOptions, ContainerRuntime } from './container.ts';
import { ensureLabImage, labImage } from './image.ts';
import { type HostProcess, IsolatedHost, type IsolatedHostOptions } from './isolated-host/isolated-host.ts';
import { requirePrograms } from './required-programs.ts';

/** Socket of containerd on its host, which also serves CRI. */
const socket = '/run/containerd/containerd.sock';

/** containerd on its host; `ended` resolves once it has exited, with the way it ended. */
export interface StartedContainerd {
  host: IsolatedHost;
  ended: Promise<string>;
}

export interface ContainerdOptions extends IsolatedHostOptions {
  /** Default ptp. */
  network?: CniNetworkType;
}

/** containerd on an isolated host, with containers by `ctr run --cni`; they cannot publish ports. */
export class ContainerdNode implements ContainerRuntime {
  readonly kind = 'containerd';
  readonly host: IsolatedHost;
  readonly ended: Promise<string>;
  /** How each container was started, which `ctr` cannot restart with its network, and the `ctr` that waits for it. */
  readonly #started = new Map<string, { options: ContainerOptions; waiting: HostProcess }>();

  private constructor({ host, ended }: StartedContainerd) {
    this.host = host;
    this.ended = ended;
  }

  /** @throws Error with the Debian packages that are missing, or the daemon's log; nothing is left then */
  static async open(options: ContainerdOptions = {}): Promise<ContainerdNode> {
    return new ContainerdNode(await startContainerd(options, 'default'));
  }

  /** Its socket, on the machine. */
  get socket(): string {
    return this.host.resolve(socket);
  }

  async run(options: ContainerOptions): Promise<Container> {
    const { name, image = labImage, args = [], labels = {}, mounts = [], flags = [], publish = [] } = options;
    if (publish.length > 0) throw new Error(`${name}: ctr publishes no ports`);
    // Not `--detach`, after which nobody would remove the container from its network.
    const waiting = this.host.start(`ctr-${name}`, [
      ...['ctr', 'run', '--rm', '--null-io', '--cni'],
      ...Object.entries(labels).flatMap(([key, value]) => ['--label', `${key}=${value}`]),
      ...mounts.flatMap(({ source, target }) => [
        '--mount',
        `type=bind,src=${source},dst=${target},options=rbind:rw`,
      ]),
      ...flags,
      image,
      name,
      ...args,
    ]);
    this.#started.set(name, { options, waiting });
    await this.host.waitFor(waiting, `ctr run ${name}`, () => this.inspect(name));
    return this.inspect(name);
  }

  async inspect(name: string): Promise<Container> {
    const tasks = await this.host.run(['ctr', 'task', 'list']);
    const [, pid, state] =
      tasks
        .split('\n')
        .map((line) => line.trim().split(/\s+/))
        .find(([task]) => task === name) ?? [];
    if (state !== 'RUNNING')
      throw new Error(`the container ${name} does not run: ${state ?? 'there is none'}`);
    return { id: name, name, pid: Number(pid), netns: this.host.resolve(`/proc/${pid}/ns/net`) };
  }

  async restart(name: string): Promise<Container> {
    const { options } = this.#require(name);
    await this.remove(name);
    return this.run(options);
  }

  async remove(name: string): Promise<void> {
    const { waiting } = this.#require(name);
    await this.host.run(['ctr', 'task', 'kill', '--signal', 'SIGKILL', name]);
    await waiting.ended;
    this.#started.delete(name);
  }

  #require(name: string) {
    const started = this.#started.get(name);
    if (started === undefined) throw new Error(`${name} was not started here`);
    return started;
  }

  close(): Promise<void> {
    return this.host.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}

/**
 * Starts containerd with CRI on an isolated host, with a CNI network and the lab's image.
 * @param namespace containerd's own kind of namespace, to which the image is imported
 */
export async function startContainerd(
  { network = 'ptp', ...options }: ContainerdOptions,
  namespace: string,
): Promise<StartedContainerd> {
  requirePrograms(['containerd', 'ctr', 'runc', 'iptables', '/usr/lib/cni/bridge']);
  const image = await ensureLabImage();
  const host = await IsolatedHost.open(options);
  try {
    host.write('/etc/containerd/config.toml', configuration);
    host.write(`/etc/cni/net.d/10-lab-${network}.conflist`, formatCniNetwork(network));
    await host.run(['mkdir', '-p', '/opt/cni']);
    await host.run(['ln', '-sfn', '/usr/lib/cni', '/opt/cni/bin']);
    const daemon = host.start('containerd', ['containerd']);
    await host.waitFor(daemon, 'containerd', () => host.run(['ctr', 'version']));
    await host.run(['ctr', '--namespace', namespace, 'images', 'import', image]);
    return { host, ended: daemon.ended };
  } catch (error) {
    await host.close();
    throw error;
  }
}

/** Sandboxes need no image of a registry, and a root without CAP_SYS_RESOURCE cannot lower scores of the OOM killer. */
const configuration = `version = 2
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "${labImage}"
  restrict_oom_score_adj = true
  disable_apparmor = true
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "/usr/lib/cni"
`;
