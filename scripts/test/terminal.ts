/** Output streams that a test level writes to. */
export interface Terminal {
  out(chunk: Buffer | string): void;
  err(chunk: Buffer | string): void;
}

export const terminal: Terminal = {
  out: (chunk) => void process.stdout.write(chunk),
  err: (chunk) => void process.stderr.write(chunk),
};

/** Returns a terminal that buffers output until `release()` is called and passes it through afterwards. */
export function bufferedTerminal(): Terminal & { release(): void } {
  const held: [keyof Terminal, Buffer | string][] = [];
  let released = false;
  const say =
    (where: keyof Terminal) =>
    (chunk: Buffer | string): void =>
      released ? terminal[where](chunk) : void held.push([where, chunk]);
  return {
    out: say('out'),
    err: say('err'),
    release() {
      released = true;
      for (const [where, chunk] of held.splice(0)) terminal[where](chunk);
    },
  };
}
