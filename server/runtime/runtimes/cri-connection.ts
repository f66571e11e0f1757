import type { Client, Metadata } from '@grpc/grpc-js';

const protoFile = new URL('cri.proto', import.meta.url);
/** Versions of the interface in the order in which they are tried. */
const versions = ['v1', 'v1alpha2'] as const;
/** Maximum size of an answer in bytes: 1,000 sandboxes with labels and annotations. */
const maxAnswerBytes = 64 << 20;

type CriMethod = 'Version' | 'ListPodSandbox' | 'PodSandboxStatus' | 'ListContainers';

interface MethodCodec {
  requestSerialize(value: object): Buffer;
  responseDeserialize(bytes: Buffer): object;
}

/**
 * A connection to a runtime's CRI socket. gRPC is loaded with the first call, so that a node without such a runtime does
 * without its memory.
 */
export class CriConnection {
  readonly #socket: string;
  #open: Promise<{ client: Client; metadata: Metadata; codecs: Record<CriMethod, MethodCodec> }> | null =
    null;
  #version: (typeof versions)[number] | null = null;

  constructor(socket: string) {
    this.#socket = socket;
  }

  /** Calls a method. @throws Error if the runtime refuses it, or `signal` is aborted */
  async call(method: CriMethod, request: object, signal: AbortSignal): Promise<object> {
    if (this.#version !== null) return this.#callVersion(this.#version, method, request, signal);
    for (const version of versions) {
      try {
        const answer = await this.#callVersion(version, method, request, signal);
        this.#version = version;
        return answer;
      } catch (error) {
        if (!isUnimplemented(error) || version === versions.at(-1)) throw error;
      }
    }
    throw new Error('the runtime has no version of the interface');
  }

  close(): void {
    void this.#open?.then(
      ({ client }) => client.close(),
      () => undefined,
    );
    this.#open = null;
  }

  async #callVersion(
    version: string,
    method: CriMethod,
    request: object,
    signal: AbortSignal,
  ): Promise<object> {
    signal.throwIfAborted();
    this.#open ??= this.#load();
    const { client, metadata, codecs } = await this.#open;
    const codec = codecs[method];
    return new Promise((resolve, reject) => {
      const call = client.makeUnaryRequest(
        `/runtime.${version}.RuntimeService/${method}`,
        (value: object) => codec.requestSerialize(value),
        (bytes: Buffer) => codec.responseDeserialize(bytes),
        request,
        metadata,
        (error, answer) => {
          signal.removeEventListener('abort', cancel);
          if (error || answer === undefined)
            reject(signal.aborted ? signal.reason : (error ?? new Error('no answer')));
          else resolve(answer);
        },
      );
      const cancel = (): void => call.cancel();
      signal.addEventListener('abort', cancel, { once: true });
    });
  }

  async #load() {
    const [grpc, loader] = await Promise.all([import('@grpc/grpc-js'), import('@grpc/proto-loader')]);
    const definition = loader.loadSync(protoFile.pathname, {
      keepCase: true,
      longs: String,
      enums: String,
      defaults: true,
    });
    const client = new grpc.Client(`unix:${this.#socket}`, grpc.credentials.createInsecure(), {
      'grpc.max_receive_message_length': maxAnswerBytes,
      'grpc.initial_reconnect_backoff_ms': 500,
      'grpc.max_reconnect_backoff_ms': 5000,
    });
    return {
      client,
      metadata: new grpc.Metadata(),
      codecs: definition['runtime.v1.RuntimeService'] as unknown as Record<CriMethod, MethodCodec>,
    };
  }
}

/** UNIMPLEMENTED of gRPC. */
const isUnimplemented = (error: unknown): boolean =>
  typeof error === 'object' && error !== null && 'code' in error && error.code === 12;
