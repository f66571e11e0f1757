import { readdirSync, readlinkSync, statSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';

const politeMs = 5000;

/** Kills all processes whose main thread is in the network namespace at `path`. */
export async function killProcessesInNetns(path: string): Promise<void> {
  const namespace = statSync(path, { throwIfNoEntry: false });
  if (namespace === undefined) return;
  const link = `net:[${namespace.ino}]`;
  if (readlinkSync('/proc/self/ns/net') === link) return;
  const until = performance.now() + politeMs;
  for (let told = false; ; told = true) {
    const pids = processesIn(link);
    if (pids.length === 0) return;
    const late = performance.now() > until;
    if (!told || late) for (const pid of pids) kill(pid, late ? 'SIGKILL' : 'SIGTERM');
    await sleep(50);
  }
}

function processesIn(link: string): number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter((pid) => {
      try {
        return readlinkSync(`/proc/${pid}/ns/net`) === link;
      } catch {
        return false; // it ended, or is a zombie
      }
    });
}

function kill(pid: number, signal: NodeJS.Signals) {
  try {
    process.kill(pid, signal);
  } catch {
    // it ended meanwhile
  }
}
