import { parseArgs } from 'node:util';
import { bootGuest } from './guest.ts';

const usage = `Usage: node scripts/vm/run.ts [options] -- COMMAND

Runs COMMAND with sh in a guest with netkit, in this folder; gives back its output and exit code.

  --memory MIB              default 2048
  --cpus N                  default 2, and 1 where the guest is emulated
  --timeout SECONDS         default 600
  --env NAME=VALUE          may be repeated; PODLANE_… and CI come along by themselves
  --forward HOST:GUEST      a TCP port on 127.0.0.1 that leads into the guest; may be repeated
  --instruction-counted     time runs by counted instructions: slow, one CPU, figures repeat
`;

const options = {
  memory: { type: 'string', default: '2048' },
  cpus: { type: 'string' },
  timeout: { type: 'string', default: '600' },
  env: { type: 'string', multiple: true, default: [] as string[] },
  forward: { type: 'string', multiple: true, default: [] as string[] },
  'instruction-counted': { type: 'boolean', default: false },
  help: { type: 'boolean', default: false },
} as const;

const { values, positionals } = parse();
if (values.help || positionals.length === 0) {
  process.stderr.write(usage);
  process.exit(values.help ? 0 : 2);
}
const inherited = Object.entries(process.env).filter(
  ([name]) => name.startsWith('PODLANE_') || name === 'CI',
);
const guest = await bootGuest({
  command: positionals.join(' '),
  env: Object.fromEntries([...inherited, ...values.env.map(pair)]) as Record<string, string>,
  forward: values.forward.map((text) => {
    const [hostPort = Number.NaN, guestPort = hostPort] = text.split(':').map(Number);
    return { hostPort, guestPort };
  }),
  memoryMiB: Number(values.memory),
  ...(values.cpus === undefined ? {} : { cpus: Number(values.cpus) }),
  timeoutSeconds: Number(values.timeout),
  instructionCounted: values['instruction-counted'],
  onStdout: (chunk) => process.stdout.write(chunk),
  onStderr: (chunk) => process.stderr.write(chunk),
});
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(signal, () => guest.stop());
try {
  process.exitCode = await guest.exit;
} catch (error) {
  console.error((error as Error).message);
  process.exitCode = 125;
}

function parse() {
  try {
    return parseArgs({ options, allowPositionals: true });
  } catch (error) {
    process.stderr.write(`${(error as Error).message}\n\n${usage}`);
    process.exit(2);
  }
}

function pair(text: string): [string, string] {
  const at = text.indexOf('=');
  return [text.slice(0, at), text.slice(at + 1)];
}
