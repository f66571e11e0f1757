import type { IsolatedHost } from './isolated-host/isolated-host.ts';

/** A port of the host that leads to a container. */
export interface PortToPublish {
  hostPort: number;
  containerPort: number;
}

export interface ContainerOptions {
  name: string;
  /** Program and arguments; default the image's, which sleeps. */
  args?: readonly string[];
  image?: string;
  labels?: Readonly<Record<string, string>>;
  publish?: readonly PortToPublish[];
  mounts?: readonly { source: string; target: string }[];
  /** Further flags of the runtime's own command, such as `--network host`. */
  flags?: readonly string[];
}

/** A container that runs. */
export interface Container {
  id: string;
  name: string;
  /** Its first process, by the host's ids. */
  pid: number;
  /** Path of its network namespace, on the machine. */
  netns: string;
}

/** A container runtime on an isolated host, with the image of the lab. */
export interface ContainerRuntime extends AsyncDisposable {
  readonly host: IsolatedHost;
  /** What it is called. */
  readonly kind: string;
  /** Resolves once its daemon has exited, with a phrase such as `ended with code 1`. */
  readonly ended: Promise<string>;
  run(options: ContainerOptions): Promise<Container>;
  /** Returns a container that runs, as it is now. */
  inspect(name: string): Promise<Container>;
  restart(name: string): Promise<Container>;
  /** Stops and removes a container. */
  remove(name: string): Promise<void>;
  close(): Promise<void>;
}
