import { dirname } from 'node:path';
import { createCommandLine } from './command-line.ts';
import type { Container, ContainerOptions, ContainerRuntime } from './container.ts';
import { ensureLabImage } from './image.ts';
import { IsolatedHost, type IsolatedHostOptions } from './isolated-host/isolated-host.ts';
import { requirePrograms } from './required-programs.ts';

/** Socket of podman's API service on its host. */
const socket = '/run/podman/podman.sock';

export type PodmanNetworkBackend = 'netavark' | 'cni';

export interface PodmanOptions extends IsolatedHostOptions {
  /** Default netavark, as of Podman 4. */
  backend?: PodmanNetworkBackend;
  /** True also starts the service that answers at podman's socket. Containers run without it. */
  service?: boolean;
}

/** Podman on an isolated host, with one of its two network backends. */
export class PodmanNode implements ContainerRuntime {
  readonly kind = 'podman';
  readonly backend: PodmanNetworkBackend;
  readonly host: IsolatedHost;
  /** Never resolves: there is no daemon. */
  readonly ended: Promise<string> = new Promise(() => {});
  readonly #containers;

  private constructor(host: IsolatedHost, backend: PodmanNetworkBackend) {
    this.host = host;
    this.backend = backend;
    this.#containers = createCommandLine(host, 'podman');
  }

  /** @throws Error with the Debian packages that are missing, or what podman answered; nothing is left then */
  static async open({
    backend = 'netavark',
    service = false,
    ...options
  }: PodmanOptions = {}): Promise<PodmanNode> {
    requirePrograms(['podman', 'conmon', 'runc', 'iptables', networkPrograms[backend]]);
    const image = await ensureLabImage();
    const host = await IsolatedHost.open(options);
    try {
      host.write('/etc/containers/containers.conf', formatConfiguration(backend));
      const used = await host.run(['podman', 'info', '--format', '{{.Host.NetworkBackend}}']);
      if (used.trim() !== backend)
        throw new Error(`podman uses the network backend ${used.trim()}, not ${backend}`);
      await host.run(['podman', 'load', '--quiet', '--input', image]);
      const podman = new PodmanNode(host, backend);
      if (service) await podman.startService();
      return podman;
    } catch (error) {
      await host.close();
      throw error;
    }
  }

  /** Starts the API service, and waits until it answers. */
  async startService(): Promise<void> {
    await this.host.run(['mkdir', '-p', dirname(socket)]);
    const service = this.host.start('podman', [
      'podman',
      'system',
      'service',
      '--time=0',
      `unix://${socket}`,
    ]);
    await this.host.waitFor(service, 'podman system service', () =>
      this.host.run(['podman', '--remote', '--url', `unix://${socket}`, 'version']),
    );
  }

  /** Socket of its API service, on the machine. */
  get socket(): string {
    return this.host.resolve(socket);
  }

  run(options: ContainerOptions): Promise<Container> {
    return this.#containers.run(options);
  }

  inspect(name: string): Promise<Container> {
    return this.#containers.inspect(name);
  }

  restart(name: string): Promise<Container> {
    return this.#containers.restart(name);
  }

  remove(name: string): Promise<void> {
    return this.#containers.remove(name);
  }

  close(): Promise<void> {
    return this.host.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}

const networkPrograms = { netavark: '/usr/lib/podman/netavark', cni: '/usr/lib/cni/bridge' } as const;

/** Limits are named, because where root has no CAP_SYS_RESOURCE it cannot raise them to podman's own. */
const formatConfiguration = (backend: PodmanNetworkBackend): string => `[containers]
default_ulimits = ["nofile=1024:1024", "nproc=10000:10000"]
[network]
network_backend = "${backend}"
cni_plugin_dirs = ["/usr/lib/cni"]
[engine]
cgroup_manager = "cgroupfs"
events_logger = "file"
runtime = "runc"
`;
