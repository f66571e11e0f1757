import { ProblemError, type VerifierRefusal } from '../../contract/problem.ts';
import { errnoName } from '../ffi/libc.ts';
import { verifierHint } from './verifier-hints.ts';

const shownInstructions = 12;
const shownLogLines = 60;

/**
 * The lines of a log at level 1 (kernel/bpf/log.c, verifier.c): instructions `12: (61) r2 = …`, after some of them
 * `; ` and what changed; what is known where the way goes on elsewhere, `from 3 to 9: R0=…`; lines of the source,
 * since 6.8 with ` @ file:line`; last the complaint, of one line or more, and a line of statistics.
 */
const instructionLine = /^(\d+): \([0-9a-f]{2}\) (.*?)(?:\s*; ((?:frame\d+: ?)?(?:R\d+|fp-\d+).*))?$/;
const stateLine = /^(?:from \d+ to \d+[^:]*: ?|(?:\d+: ?)?)(?:frame\d+: ?)?((?:R\d+|fp-\d+)(?:_\w+)?=.*)$/;
const sourceLine = /^; (.*?)(?: @ (\S+):(\d+))?$/;
const noise =
  /^(processed \d+ insns|verification time|stack depth|func#\d+ @\d+|arg#|last_idx|regs=|mark_precise|parent |Live regs|\d+: safe$|from \d+ to \d+: safe$|--? BEGIN|-- END|Validating |caller:$|callee:$|returning from callee:$|to caller at)/;

type State = Map<string, string>;

/** Adds `R1=ctx() R2_w=pkt(r=0) fp-8=mmmm`; a value has spaces only within brackets, of two levels. */
function learn(state: State, text: string): void {
  for (const [, name, value] of text.matchAll(
    /(R\d+|fp-\d+)(?:_\w+)?=((?:\((?:[^()]|\([^()]*\))*\)|[^\s(])*)/g,
  ))
    state.set(name!, value!);
}

/** What a log says of the program that was refused, taken apart. Pure; what is not in the log is null or empty. */
export function parseVerifierLog(program: string, log: string): VerifierRefusal {
  const lines = log
    .split('\n')
    .map((line) => line.trimEnd())
    .filter((line) => line !== '');
  const state: State = new Map();
  const before: string[] = [];
  let instruction: VerifierRefusal['instruction'] = null;
  let known: string[] = [];
  let source: VerifierRefusal['source'] = null;
  let complaint: string[] = [];
  for (const line of lines.filter((line) => !noise.test(line))) {
    const read = instructionLine.exec(line);
    const states = read ? null : stateLine.exec(line);
    const code = read || states ? null : sourceLine.exec(line);
    if (read) {
      known = told(state);
      instruction = { number: Number(read[1]), text: read[2]! };
      before.push(`${read[1]}: ${read[2]}`);
      if (read[3]) learn(state, read[3]);
    } else if (states) {
      if (line.startsWith('from ') || line.startsWith('0: ')) state.clear();
      learn(state, states[1]!);
    } else if (code && code[1] !== '')
      source = { text: code[1]!, file: code[2] ?? null, line: code[3] ? Number(code[3]) : null };
    if (read || states || code) complaint = [];
    else complaint.push(line);
  }
  const message = complaint.join('; ') || 'it gave no reason';
  return {
    program,
    message,
    instruction,
    source,
    registers: known,
    before: before.slice(-shownInstructions - 1, -1),
    meaning: verifierHint(message),
    log: lines.slice(-shownLogLines).join('\n'),
  };
}

/** Registers in their order, then the stack. */
const told = (state: State): string[] =>
  [...state]
    .sort(([a], [b]) => Number(a[0] === 'f') - Number(b[0] === 'f') || number(a) - number(b))
    .map(([name, value]) => `${name}=${value}`);

const number = (name: string): number => Number(/\d+/.exec(name)![0]);

/** The verifier's refusal as an error a person can read: the sentence first. The whole log is the error's cause. */
export function verifierError(object: string, program: string, log: string, errno: number): ProblemError {
  const verifier = parseVerifierLog(program, log);
  const { message, instruction, source, meaning } = verifier;
  const where = instruction === null ? '' : `, at instruction ${instruction.number} (${instruction.text})`;
  const line = source?.line ? `, ${source.file}:${source.line}` : '';
  return new ProblemError(
    'verifier_refused',
    `load ${object}: the verifier refused ${program} (${errnoName(errno)}): ${message}${where}${line}`,
    {
      hint: meaning ?? 'the log tells what the verifier knew where it stopped',
      cause: new Error(log),
      verifier,
    },
  );
}
