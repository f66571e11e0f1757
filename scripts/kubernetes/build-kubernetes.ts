import { createHash } from 'node:crypto';
import {
  copyFileSync,
  existsSync,
  globSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { run, step } from '../setup/progress.js';
import { prepareAptFolder } from '../vm/apt-options.ts';
import { debianRelease, readReleaseSources, unpackPackages } from '../vm/unpack-packages.ts';

/** Programs of a cluster: `folder` holds those that were built, `root` Debian's packages, unpacked. */
export interface KubernetesPrograms {
  folder: string;
  root: string;
  /** Returns the path of a program of either. @throws Error if there is none */
  program(name: string): string;
  /** Environment in which programs of the packages find their libraries. */
  environment: Record<string, string>;
}

const version = '1.20.2';
/** Programs that are built, one at a time. */
const built = ['kube-apiserver', 'kube-controller-manager', 'kube-scheduler', 'kubelet', 'kube-proxy'];
/** Packages that are unpacked: the compiler and what the build calls, then what a cluster runs. */
const packages = [
  ...['golang-1.19-go', 'golang-1.19-src', 'rsync', 'jq'],
  ...['etcd-server', 'kubernetes-client', 'containerd', 'runc'],
];

const clone = join(import.meta.dirname, '../..');
const cache = join(clone, '.cache/kubernetes');

/**
 * The programs of a cluster, in this clone's cache; built first when they are missing or the recipe has changed: downloads
 * 150 MB, takes 8 minutes of one processor and 4 GB of disk while it runs, and leaves 1 GB. Nothing is installed.
 * @throws Error when apt refuses, or this is not Debian 12
 */
export async function ensureKubernetes(): Promise<KubernetesPrograms> {
  const recipe = createHash('sha256')
    .update(JSON.stringify({ debianRelease, version, built, packages }))
    .digest('hex');
  const folder = join(cache, recipe.slice(0, 12));
  if (!existsSync(folder)) await build(folder);
  const root = join(folder, 'root');
  const places = [
    join(folder, 'bin'),
    ...['usr/bin', 'usr/sbin', 'bin', 'sbin'].map((each) => join(root, each)),
  ];
  return {
    folder,
    root,
    program(name) {
      const found = places.map((place) => join(place, name)).find((path) => existsSync(path));
      if (found === undefined)
        throw new Error(`the cache ${folder} has no ${name}: remove it to build it again`);
      return found;
    },
    environment: environmentOf(root),
  };
}

const environmentOf = (root: string): Record<string, string> => ({
  LD_LIBRARY_PATH: join(root, 'usr/lib/x86_64-linux-gnu'),
});

async function build(folder: string): Promise<void> {
  requireRelease();
  mkdirSync(cache, { recursive: true });
  process.stderr.write(
    `Building Kubernetes ${version} from Debian's source package, once: 150 MB to download, about 8 minutes of one processor, up to 4 GB in ${cache}, 1 GB afterwards\n`,
  );
  const made = `${folder}.${process.pid}`;
  try {
    const root = join(made, 'root');
    for (const part of ['root', 'bin', 'source']) mkdirSync(join(made, part), { recursive: true });
    await step('fetching the packages of a cluster', () =>
      unpackPackages(packages, { folder: made, root, complete: false }),
    );
    const source = await step('fetching the source of Kubernetes', () => fetchSource(made));
    for (const name of built)
      await step(`building ${name}`, async () => {
        await run('make', [`WHAT=cmd/${name}`], { cwd: source, env: buildEnvironment(made, source) });
        const [program] = globSync(join(source, `_output/**/${name}`));
        if (program === undefined) throw new Error(`make has built no ${name}`);
        copyFileSync(program, join(made, 'bin', name));
        await run('strip', [join(made, 'bin', name)]);
      });
    // The module cache is read-only.
    await run('chmod', ['-R', 'u+w', join(made, 'source')]);
    for (const part of ['source', 'go', 'home']) rmSync(join(made, part), { recursive: true, force: true });
    if (!existsSync(folder)) renameSync(made, folder); // else another process was faster
  } finally {
    rmSync(made, { recursive: true, force: true });
  }
}

function requireRelease(): void {
  const codename = /^VERSION_CODENAME=(\S+)/m.exec(readFileSync('/etc/os-release', 'utf8'))?.[1];
  if (codename !== debianRelease)
    throw new Error(
      `Kubernetes is built from the source package of Debian 12, whose sources this machine's apt has to have; this is ${codename ?? 'not Debian'}`,
    );
}

/** Downloads and unpacks the source package with Debian's patches. @returns its folder */
async function fetchSource(made: string): Promise<string> {
  const folder = join(made, 'source');
  const options = prepareAptFolder(join(made, 'apt-source'), 'source', readReleaseSources('deb-src'));
  await run('apt-get', [...options, '-qq', 'update']);
  await run('apt-get', [...options, '-qq', '--download-only', 'source', `kubernetes/${debianRelease}`], {
    cwd: folder,
  });
  rmSync(join(made, 'apt-source'), { recursive: true });
  const [original] = globSync(join(folder, 'kubernetes_*.orig.tar.*'));
  const [debian] = globSync(join(folder, 'kubernetes_*.debian.tar.*'));
  if (original === undefined || debian === undefined) throw new Error('the source package is not complete');
  const source = join(folder, `kubernetes-${version}`);
  await run('tar', ['-xf', original, '-C', folder]);
  await run('tar', ['-xf', debian, '-C', source]);
  const series = readFileSync(join(source, 'debian/patches/series'), 'utf8');
  for (const patch of series.split('\n').filter((line) => line.trim() !== '' && !line.startsWith('#')))
    await run('patch', ['-p1', '-s', '-i', join('debian/patches', patch.trim())], { cwd: source });
  // Where the sources are expected to be: GOPATH/src/k8s.io/kubernetes.
  mkdirSync(join(source, '.go/src/k8s.io'), { recursive: true });
  symlinkSync('../../..', join(source, '.go/src/k8s.io/kubernetes'));
  writeFileSync(
    join(source, 'version'),
    [
      "KUBE_GIT_COMMIT='debian'",
      "KUBE_GIT_TREE_STATE='archive'",
      `KUBE_GIT_VERSION='v${version}'`,
      "KUBE_GIT_MAJOR='1'",
      "KUBE_GIT_MINOR='20'\n",
    ].join('\n'),
  );
  return source;
}

function buildEnvironment(made: string, source: string): Record<string, string> {
  const root = join(made, 'root');
  const go = join(root, 'usr/lib/go-1.19');
  const home = join(made, 'home');
  mkdirSync(home, { recursive: true });
  return {
    ...environmentOf(root),
    PATH: `${join(go, 'bin')}:${join(root, 'usr/bin')}:${process.env.PATH}`,
    GOROOT: go,
    GOPATH: join(source, '.go'),
    GOCACHE: join(made, 'go'),
    HOME: home,
    CGO_ENABLED: '0',
    // One word: the build takes it for a tag.
    GOFLAGS: '-mod=vendor',
    GOPROXY: 'off',
    GO111MODULE: 'on',
    KUBE_GIT_VERSION_FILE: join(source, 'version'),
  };
}
