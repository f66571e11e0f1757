// Plain JavaScript: also runs before node_modules exists, on the machine's own Node.
import { spawn } from 'node:child_process';

const quietMs = 2000;
const plainEveryMs = 15_000;

/** @param {number} since ms since the epoch */
const seconds = (since) => `${Math.round((Date.now() - since) / 1000)} s`;

/**
 * Runs `work` and, once it has taken two seconds, shows on standard error that it is going on:
 * a ticking line on a terminal, plain lines elsewhere.
 * @template T
 * @param {string} name what is being done, for a person
 * @param {() => T | Promise<T>} work
 * @returns {Promise<T>}
 */
export async function step(name, work) {
  const started = Date.now();
  const terminal = process.stderr.isTTY === true;
  let shown = 0;
  const show = () => {
    if (Date.now() - started < quietMs) return;
    if (terminal) process.stderr.write(`\r\x1b[K… ${name} (${seconds(started)})`);
    else if (shown === 0) process.stderr.write(`… ${name}\n`);
    else if (Date.now() - shown >= plainEveryMs) process.stderr.write(`… ${name} (${seconds(started)})\n`);
    else return;
    shown = Date.now();
  };
  const timer = setInterval(show, 500);
  let mark = '✗';
  try {
    const result = await work();
    mark = '✓';
    return result;
  } finally {
    clearInterval(timer);
    if (terminal && shown) process.stderr.write('\r\x1b[K');
    if (shown || mark === '✗') process.stderr.write(`${mark} ${name} (${seconds(started)})\n`);
  }
}

/**
 * Runs a program to its end and answers its standard output.
 * @param {string} program
 * @param {string[]} args
 * @param {{cwd?: string, env?: Record<string, string>}} [options] `env` adds to the caller's own
 * @returns {Promise<string>}
 * @throws {Error} when it cannot be started or exits with another code than 0: the command and its last 40 lines
 */
export function run(program, args, options = {}) {
  const { promise, resolve, reject } = withResolvers();
  const child = spawn(program, args, {
    cwd: options.cwd,
    env: { ...process.env, ...options.env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let stdout = '';
  let all = '';
  child.stdout.setEncoding('utf8').on('data', (text) => {
    stdout += text;
    all += text;
  });
  child.stderr.setEncoding('utf8').on('data', (text) => {
    all += text;
  });
  child.on('error', (error) => reject(new Error(`${program} cannot be started: ${error.message}`)));
  child.on('close', (code, signal) => {
    if (code === 0) return resolve(stdout);
    const tail = all.trimEnd().split('\n').slice(-40).join('\n');
    reject(new Error(`${program} ${args.join(' ')}\nended with ${signal ?? `exit code ${code}`}:\n${tail}`));
  });
  return promise;
}

/** Promise.withResolvers, which Node 20 lacks. @returns {{promise: Promise<string>, resolve: (value: string) => void, reject: (error: Error) => void}} */
function withResolvers() {
  /** @type {(value: string) => void} */
  let resolve = () => {};
  /** @type {(error: Error) => void} */
  let reject = () => {};
  const promise = /** @type {Promise<string>} */ (
    new Promise((yes, no) => {
      resolve = yes;
      reject = no;
    })
  );
  return { promise, resolve, reject };
}
