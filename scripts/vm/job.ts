import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { basename, join } from 'node:path';
import { kernelModules } from './fetch.ts';

const jobs = join(import.meta.dirname, '../../.cache/vm/jobs');

/** The file server's socket in a job's folder. The server locks a file of this name for the whole machine. */
export const socketName = (job: string) => `${basename(job)}.sock`;

/** Makes the folder through which one guest gets its command (for sh); process 1 of the guest reads it. */
export function makeJob(command: string): string {
  mkdirSync(jobs, { recursive: true });
  for (const name of readdirSync(jobs)) {
    const owner = name.split('-')[0]; // was killed, if it is gone
    if (!existsSync(`/proc/${owner}`)) removeJob(join(jobs, name));
  }
  const job = mkdtempSync(join(jobs, `${process.pid}-`));
  writeFileSync(join(job, 'modules'), kernelModules.join(' '));
  writeFileSync(join(job, 'command'), command);
  return job;
}

/** Removes the folder, and what the file server leaves. */
export function removeJob(job: string): void {
  rmSync(job, { recursive: true, force: true });
  rmSync(`/run/virtiofsd/${socketName(job)}.pid`, { force: true });
}

/** The last lines that the guest's kernel and process 1 said. */
export function consoleTail(job: string): string {
  const file = join(job, 'console');
  if (!existsSync(file)) return '';
  return readFileSync(file, 'utf8').trimEnd().split('\n').slice(-20).join('\n');
}
