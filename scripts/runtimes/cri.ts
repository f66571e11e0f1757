import type { Client } from '@grpc/grpc-js';
import type { Container, ContainerOptions, ContainerRuntime } from './container.ts';
import { type ContainerdOptions, type StartedContainerd, startContainerd } from './containerd.ts';
import { labImage } from './image.ts';
import type { IsolatedHost } from './isolated-host/isolated-host.ts';

/** Socket of containerd on its host, which also serves CRI. */
const socket = '/run/containerd/containerd.sock';
const callTimeoutMs = 120_000;
/** Values of runtime.v1.NamespaceMode. */
const networkModes = { pod: 0, node: 2 } as const;

export type CriVersion = 'v1' | 'v1alpha2';

export interface CriOptions extends ContainerdOptions {
  /** Version of the interface; default v1. */
  version?: CriVersion;
}

/** A pod as the kubelet asks a runtime for it, with one container. */
export interface CriPodOptions extends ContainerOptions {
  /** Kubernetes namespace; default `default`. */
  namespace?: string;
  annotations?: Readonly<Record<string, string>>;
  /** True for a pod in the node's network namespace. */
  hostNetwork?: boolean;
}

/** A pod that runs. `pid` is its container's process. */
export interface CriPod extends Container {
  sandboxId: string;
  uid: string;
  namespace: string;
}

/** Pods that containerd runs by CRI on an isolated host, asked as the kubelet does. */
export class CriNode implements ContainerRuntime {
  readonly kind = 'cri';
  readonly host: IsolatedHost;
  readonly version: CriVersion;
  readonly ended: Promise<string>;
  readonly #call: CriCall;
  readonly #client: Client;
  readonly #pods = new Map<string, { pod: CriPod; options: CriPodOptions; attempt: number }>();

  private constructor(
    { host, ended }: StartedContainerd,
    version: CriVersion,
    client: Client,
    call: CriCall,
  ) {
    this.host = host;
    this.ended = ended;
    this.version = version;
    this.#client = client;
    this.#call = call;
  }

  /** @throws Error with the Debian packages that are missing, or the daemon's log; nothing is left then */
  static async open({ version = 'v1', ...options }: CriOptions = {}): Promise<CriNode> {
    const started = await startContainerd(options, 'k8s.io');
    const { host } = started;
    const { client, call } = await connectCri(host.resolve(socket), version);
    try {
      await call('Version', {});
      return new CriNode(started, version, client, call);
    } catch (error) {
      client.close();
      await host.close();
      throw error;
    }
  }

  /** Its socket, on the machine. */
  get socket(): string {
    return this.host.resolve(socket);
  }

  async run(options: CriPodOptions): Promise<CriPod> {
    const uid = `uid-${options.name}-${this.#pods.size}`;
    const { pod_sandbox_id: sandboxId } = await this.#call('RunPodSandbox', {
      config: formatSandbox(options, uid),
    });
    const namespace = options.namespace ?? 'default';
    const pod: CriPod = {
      id: '',
      name: options.name,
      pid: 0,
      netns: '',
      sandboxId: String(sandboxId),
      uid,
      namespace,
    };
    this.#pods.set(options.name, { pod, options, attempt: 0 });
    return this.#startContainer(options.name);
  }

  async inspect(name: string): Promise<CriPod> {
    const { pod } = this.#require(name);
    const { info } = await this.#call('ContainerStatus', { container_id: pod.id, verbose: true });
    const { pid } = JSON.parse((info as Record<string, string>).info ?? '{}') as { pid?: number };
    if (!pid) throw new Error(`the container of pod ${name} does not run`);
    return { ...pod, pid, netns: this.host.resolve(`/proc/${pid}/ns/net`) };
  }

  /** Replaces the pod's container by a new one, as the kubelet does: the pod keeps its network. */
  async restart(name: string): Promise<CriPod> {
    const started = this.#require(name);
    await this.#call('StopContainer', { container_id: started.pod.id, timeout: 1 });
    await this.#call('RemoveContainer', { container_id: started.pod.id });
    started.attempt++;
    return this.#startContainer(name);
  }

  async remove(name: string): Promise<void> {
    const { pod } = this.#require(name);
    await this.#call('StopPodSandbox', { pod_sandbox_id: pod.sandboxId });
    await this.#call('RemovePodSandbox', { pod_sandbox_id: pod.sandboxId });
    this.#pods.delete(name);
  }

  async close(): Promise<void> {
    this.#client.close();
    await this.host.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #startContainer(name: string): Promise<CriPod> {
    const { pod, options, attempt } = this.#require(name);
    const { container_id: id } = await this.#call('CreateContainer', {
      pod_sandbox_id: pod.sandboxId,
      config: formatContainer(options, attempt),
      sandbox_config: formatSandbox(options, pod.uid),
    });
    pod.id = String(id);
    await this.#call('StartContainer', { container_id: id });
    return this.inspect(name);
  }

  #require(name: string) {
    const started = this.#pods.get(name);
    if (started === undefined) throw new Error(`pod ${name} was not started here`);
    return started;
  }
}

function formatSandbox(options: CriPodOptions, uid: string) {
  const { name, namespace = 'default', labels = {}, annotations = {}, publish = [], hostNetwork } = options;
  return {
    metadata: { name, uid, namespace, attempt: 0 },
    // A pod in the node's network namespace has the node's name.
    hostname: hostNetwork ? '' : name.slice(0, 63),
    labels,
    annotations,
    port_mappings: publish.map(({ hostPort, containerPort }) => ({
      protocol: 0,
      container_port: containerPort,
      host_port: hostPort,
    })),
    linux: { security_context: { namespace_options: formatNetwork(hostNetwork) } },
  };
}

function formatContainer(
  { image, args = [], mounts = [], labels = {}, hostNetwork }: CriPodOptions,
  attempt: number,
) {
  return {
    metadata: { name: 'app', attempt },
    image: { image: image ?? labImage },
    command: args,
    labels,
    mounts: mounts.map(({ source, target }) => ({ host_path: source, container_path: target })),
    linux: { security_context: { namespace_options: formatNetwork(hostNetwork) } },
  };
}

const formatNetwork = (hostNetwork = false) => ({
  network: hostNetwork ? networkModes.node : networkModes.pod,
});

type CriCall = (method: string, request: object) => Promise<Record<string, unknown>>;

interface MethodCodec {
  requestSerialize(value: object): Buffer;
  responseDeserialize(bytes: Buffer): object;
}

/** Connects to a CRI socket. Both versions have the same messages under another name. */
async function connectCri(path: string, version: CriVersion): Promise<{ client: Client; call: CriCall }> {
  const [grpc, loader] = await Promise.all([import('@grpc/grpc-js'), import('@grpc/proto-loader')]);
  const definition = loader.loadSync(new URL('cri.proto', import.meta.url).pathname, {
    keepCase: true,
    longs: Number,
    defaults: true,
  });
  const codecs = definition['runtime.v1.RuntimeService'] as unknown as Record<string, MethodCodec>;
  const client = new grpc.Client(`unix:${path}`, grpc.credentials.createInsecure());
  const call: CriCall = (method, request) =>
    new Promise((resolve, reject) => {
      const codec = codecs[method];
      if (codec === undefined) throw new Error(`cri.proto has no method ${method}`);
      client.makeUnaryRequest(
        `/runtime.${version}.RuntimeService/${method}`,
        (value: object) => codec.requestSerialize(value),
        (bytes: Buffer) => codec.responseDeserialize(bytes),
        request,
        new grpc.Metadata(),
        { deadline: Date.now() + callTimeoutMs },
        (error, answer) => {
          if (error) reject(new Error(`CRI ${method}: ${error.message}`, { cause: error }));
          else resolve((answer ?? {}) as Record<string, unknown>);
        },
      );
    });
  return { client, call };
}
