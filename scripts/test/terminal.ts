/** Where a level's output goes. */
export interface Terminal {
  out(chunk: Buffer | string): void;
  err(chunk: Buffer | string): void;
}

export const terminal: Terminal = {
  out: (chunk) => void process.stdout.write(chunk),
  err: (chunk) => void process.stderr.write(chunk),
};

/** Keeps what a level says that runs beside others, until it is released; from then on all goes through. */
export function heldBack(): Terminal & { release(): void } {
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
