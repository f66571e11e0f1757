// Brings a fresh clone to where a command can run; what is done already is skipped. Plain JavaScript, because it starts on
// the machine's own Node (20 or newer) and is what installs the pinned one.
//   node scripts/setup.js lab|test|check|bench
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { installDependencies } from './setup/dependencies.js';
import { withFileLock } from './setup/file-lock.js';
import { makeIfInputsChanged } from './setup/make-if-changed.js';
import { installPackages } from './setup/packages.js';
import { run, step } from './setup/progress.js';

const root = fileURLToPath(new URL('..', import.meta.url));
const bin = join(root, 'node_modules/.bin');
const environment = {
  PATH: `${bin}:${process.env.PATH}`,
  NEXT_TELEMETRY_DISABLED: '1',
};

/** Makes the database client from the models. */
const makeClient = () =>
  makeIfInputsChanged({
    root,
    name: 'client',
    inputs: [
      'prisma',
      'prisma.config.ts',
      'scripts/generate-prisma-client.ts',
      'node_modules/prisma/package.json',
    ],
    output: 'server/store/client',
    make: () =>
      step('generating the database client', () =>
        run('node', ['scripts/generate-prisma-client.ts'], { cwd: root, env: environment }),
      ),
  });

/** Builds the dashboard for production. */
const makeDashboard = () =>
  makeIfInputsChanged({
    root,
    name: 'dashboard',
    inputs: [
      'app',
      'contract',
      'public',
      'next.config.ts',
      'postcss.config.mjs',
      'tsconfig.json',
      'tsconfig.base.json',
      'package-lock.json',
    ],
    output: '.next/BUILD_ID',
    make: () =>
      step('building the dashboard', () =>
        run('next', ['build'], { cwd: root, env: { ...environment, NODE_ENV: 'production' } }),
      ),
  });

/** Compiles the CNI plugin. */
const makePlugin = () =>
  makeIfInputsChanged({
    root,
    name: 'cni-plugin',
    inputs: ['cni', 'scripts/build-cni.sh', 'package.json'],
    output: '.cache/cni/podlane',
    make: () => step('compiling the CNI plugin', () => run('bash', ['scripts/build-cni.sh'], { cwd: root })),
  });

/** @type {Record<string, {packages: string[], makes: (() => Promise<unknown>)[]}>} */
const goals = {
  lab: { packages: ['lab'], makes: [makeClient, makePlugin, makeDashboard] },
  test: { packages: ['lab', 'test', 'bench'], makes: [makeClient, makePlugin, makeDashboard] },
  check: { packages: ['lab', 'test'], makes: [makeClient, makePlugin] },
  bench: { packages: ['lab', 'bench'], makes: [makeClient, makePlugin] },
  dev: { packages: ['lab'], makes: [makeClient, makePlugin] },
  // Unit tests without root: packages that are missing show in the tests that need them.
  unit: { packages: [], makes: [makeClient] },
};

const goal = goals[process.argv[2] ?? ''];
if (!goal) {
  console.error(`Usage: node scripts/setup.js ${Object.keys(goals).join('|')}`);
  process.exit(2);
}
try {
  await withFileLock(join(root, '.cache/setup/lock'), async () => {
    await installPackages(new URL('packages.txt', import.meta.url), goal.packages);
    await installDependencies(root);
    for (const make of goal.makes) await make();
  });
} catch (error) {
  console.error(`Set-up: ${/** @type {Error} */ (error).message}`);
  process.exit(1);
}
