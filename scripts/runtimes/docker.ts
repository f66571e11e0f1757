import { createCommandLine } from './command-line.ts';
import type { Container, ContainerOptions, ContainerRuntime } from './container.ts';
import { ensureLabImage } from './image.ts';
import { IsolatedHost, type IsolatedHostOptions } from './isolated-host/isolated-host.ts';
import { requirePrograms } from './required-programs.ts';

/** Socket of dockerd on its host. */
const socket = '/run/docker.sock';

/** Docker (dockerd with its containerd) on an isolated host. */
export class DockerNode implements ContainerRuntime {
  readonly kind = 'docker';
  readonly host: IsolatedHost;
  readonly ended: Promise<string>;
  readonly #containers;

  private constructor(host: IsolatedHost, ended: Promise<string>) {
    this.host = host;
    this.ended = ended;
    this.#containers = createCommandLine(host, 'docker');
  }

  /** @throws Error with the Debian packages that are missing, or the daemon's log; nothing is left then */
  static async open(options: IsolatedHostOptions = {}): Promise<DockerNode> {
    requirePrograms(['dockerd', 'docker', 'containerd', 'runc', 'iptables']);
    const image = await ensureLabImage();
    const host = await IsolatedHost.open(options);
    try {
      const daemon = host.start('dockerd', ['dockerd', '--host', `unix://${socket}`]);
      await host.waitFor(daemon, 'dockerd', () => host.run(['docker', 'version']));
      await host.run(['docker', 'load', '--quiet', '--input', image]);
      return new DockerNode(host, daemon.ended);
    } catch (error) {
      await host.close();
      throw error;
    }
  }

  /** Its socket, on the machine. */
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
