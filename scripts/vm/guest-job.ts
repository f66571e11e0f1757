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
import { guestBootModules } from './fetch-guest-files.ts';

const jobs = join(import.meta.dirname, '../../.cache/vm/jobs');

/** Name of the virtiofsd socket in a job's folder; unique on the machine, since virtiofsd locks a file of this name. */
export const virtiofsSocketName = (job: string) => `${basename(job)}.sock`;

/** Creates the folder that hands one guest its shell command; process 1 of the guest reads it. */
export function createGuestJob(command: string): string {
  mkdirSync(jobs, { recursive: true });
  for (const name of readdirSync(jobs)) {
    const owner = name.split('-')[0]; // was killed, if it is gone
    if (!existsSync(`/proc/${owner}`)) removeGuestJob(join(jobs, name));
  }
  const job = mkdtempSync(join(jobs, `${process.pid}-`));
  writeFileSync(join(job, 'modules'), guestBootModules.join(' '));
  writeFileSync(join(job, 'command'), command);
  return job;
}

/** Removes the folder of a guest's job, along with virtiofsd's pid file. */
export function removeGuestJob(job: string): void {
  rmSync(job, { recursive: true, force: true });
  rmSync(`/run/virtiofsd/${virtiofsSocketName(job)}.pid`, { force: true });
}

/** Returns the last 20 lines of the guest's console. */
export function readGuestConsoleTail(job: string): string {
  const file = join(job, 'console');
  if (!existsSync(file)) return '';
  return readFileSync(file, 'utf8').trimEnd().split('\n').slice(-20).join('\n');
}
