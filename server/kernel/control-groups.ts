import { readFileSync } from 'node:fs';

/** Ids that a runtime has put into the name of a control group. */
export interface ControlGroupIds {
  /** Id of the container or sandbox, 64 hexadecimal digits, or the name of an LXC container or a machine. */
  container: string | null;
  /** Runtime that names its groups so; null if the name does not tell. */
  runtime: string | null;
  /** Uid of the pod in Kubernetes. */
  podUid: string | null;
}

/** Prefixes of control groups by runtime: `docker-ID.scope` of systemd, `libpod-ID`, `cri-containerd-ID.scope`. */
const runtimes: readonly [RegExp, string][] = [
  [/\/docker[-/]|docker-/, 'docker'],
  [/libpod[-_]/, 'podman'],
  [/crio-/, 'cri-o'],
  [/cri-containerd|\/k8s\.io\//, 'containerd'],
  [/lxc\.payload\./, 'lxc'],
  [/machine-[^/]+\.scope/, 'systemd-nspawn'],
];

/**
 * Parses the path of a control group: `/docker/ID`, `/libpod_parent/libpod-ID`, `/k8s.io/ID`,
 * `/kubepods/burstable/podUID/ID`, and what systemd makes of it,
 * `/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-podUID.slice/cri-containerd-ID.scope`.
 */
export function parseControlGroup(path: string): ControlGroupIds {
  const container =
    /(?:^|[^0-9a-f])([0-9a-f]{64})(?:[^0-9a-f]|$)/.exec(path)?.[1] ??
    /\/lxc\.payload\.([^/]+)/.exec(path)?.[1] ??
    /\/machine-([^/]+)\.scope/.exec(path)?.[1] ??
    null;
  // In a slice, systemd writes the dashes of a uid as underscores.
  const podUid = /[/-]pod([0-9a-f]{8}[-_][0-9a-f_-]{27}|[0-9a-f]{32})(?:\.slice)?(?:\/|$)/.exec(path)?.[1];
  return {
    container,
    runtime: runtimes.find(([pattern]) => pattern.test(path))?.[1] ?? null,
    podUid: podUid?.replaceAll('_', '-') ?? null,
  };
}

/**
 * Reads the control group of a process: that of version 2, else the one whose path names a container (version 1 has a line
 * a controller); null if the process has ended.
 */
export function readControlGroup(pid: number): string | null {
  try {
    return chooseControlGroup(readFileSync(`/proc/${pid}/cgroup`, 'utf8'));
  } catch {
    return null;
  }
}

/** Chooses a path from the text of /proc/PID/cgroup (cgroups(7)). */
export function chooseControlGroup(text: string): string | null {
  const groups = Array.from(text.matchAll(/^\d+:([^:]*):(.*)$/gm), ([, controllers = '', path = '']) => ({
    controllers,
    path,
  }));
  const named = groups.find(({ path }) => parseControlGroup(path).container !== null);
  return (named ?? groups.find(({ controllers }) => controllers === '') ?? groups[0])?.path ?? null;
}

/** Reads the command of a process (proc(5), comm); null if it has ended. */
export function readCommand(pid: number): string | null {
  try {
    return readFileSync(`/proc/${pid}/comm`, 'utf8').trim();
  } catch {
    return null;
  }
}
