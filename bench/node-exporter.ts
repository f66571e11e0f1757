import { type ChildProcess, execFileSync } from 'node:child_process';
import { existsSync, globSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { startInNamespace } from './traffic.ts';

const debianPackage = 'prometheus-node-exporter';
const folder = join(import.meta.dirname, '../.cache/node-exporter');
const address = '127.0.0.1:9100';

/**
 * Unpacks Debian's node-exporter without installing it, since its package starts a daemon.
 * @returns the path of the program
 */
export function unpackNodeExporter(): string {
  const program = join(folder, 'usr/bin', debianPackage);
  if (existsSync(program)) return program;
  mkdirSync(folder, { recursive: true });
  const options = ['-o', 'APT::Sandbox::User=root', '-qq'];
  const run = (command: string, args: string[]): unknown =>
    execFileSync(command, args, { cwd: folder, stdio: ['ignore', 'inherit', 'inherit'] });
  run('apt-get', [...options, 'update']);
  run('apt-get', [...options, 'download', debianPackage]);
  for (const file of globSync(join(folder, '*.deb'))) run('dpkg-deb', ['--extract', file, folder]);
  return program;
}

/** Scrapes node-exporter once a second and prints a line after the first time. */
const scraper = `
  let answered = false;
  for (;;) {
    const metrics = await fetch('http://${address}/metrics').then((answer) => answer.text(), () => null);
    if (!answered && metrics !== null) console.log('scraped');
    answered ||= metrics !== null;
    await new Promise((resolve) => setTimeout(resolve, 1000));
  }`;

/** Starts node-exporter in a network namespace, and another process that scrapes it once a second. */
export async function startScrapedNodeExporter(
  program: string,
  netns: string,
): Promise<Disposable & { pid: number }> {
  // Debian turns on two collectors that look for what this machine may lack, and log that they found none.
  const flags = [
    `--web.listen-address=${address}`,
    '--log.level=error',
    '--no-collector.systemd',
    '--no-collector.textfile',
  ];
  const processes: ChildProcess[] = [
    startInNamespace({ netns }, [program, ...flags]),
    startInNamespace({ netns }, [process.execPath, '--input-type=module', '--eval', scraper]),
  ];
  await new Promise<void>((resolve, reject) => {
    processes[1]!.stdout!.once('data', () => resolve());
    for (const each of processes)
      each.once('exit', () => reject(new Error('node-exporter or its scraper ended')));
  });
  return {
    pid: processes[0]!.pid!,
    [Symbol.dispose]: () => {
      for (const each of processes) each.kill('SIGKILL');
    },
  };
}
