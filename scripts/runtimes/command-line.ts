import type { Container, ContainerOptions, ContainerRuntime } from './container.ts';
import { labImage } from './image.ts';
import type { IsolatedHost } from './isolated-host/isolated-host.ts';

/** Seconds that a container has to end by itself. */
const graceSeconds = '1';

/** docker kills at once, podman waits first. */
const removeFlags = { docker: [], podman: ['--time', graceSeconds] } as const;

/** Runs containers by a command that takes the arguments of `docker`, as `podman` does. */
export function createCommandLine(
  host: IsolatedHost,
  program: keyof typeof removeFlags,
): Pick<ContainerRuntime, 'run' | 'inspect' | 'restart' | 'remove'> {
  const inspect = async (name: string): Promise<Container> => {
    const text = await host.run([program, 'inspect', '--format', '{{.Id}} {{.State.Pid}}', name]);
    const [id = '', pid = ''] = text.trim().split(' ');
    return { id, name, pid: Number(pid), netns: host.resolve(`/proc/${pid}/ns/net`) };
  };
  return {
    inspect,
    async run(options) {
      await host.run([program, 'run', '--detach', ...formatRunArguments(options)]);
      return inspect(options.name);
    },
    async restart(name) {
      await host.run([program, 'restart', '--time', graceSeconds, name]);
      return inspect(name);
    },
    async remove(name) {
      await host.run([program, 'rm', '--force', ...removeFlags[program], name]);
    },
  };
}

function formatRunArguments(options: ContainerOptions): string[] {
  const { name, image = labImage, args = [], labels = {}, publish = [], mounts = [], flags = [] } = options;
  return [
    ...['--name', name],
    ...Object.entries(labels).flatMap(([key, value]) => ['--label', `${key}=${value}`]),
    ...publish.flatMap(({ hostPort, containerPort }) => ['--publish', `${hostPort}:${containerPort}`]),
    ...mounts.flatMap(({ source, target }) => ['--volume', `${source}:${target}`]),
    ...flags,
    image,
    ...args,
  ];
}
