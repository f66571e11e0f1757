import type { NewUserProgram } from '../../../contract/build.ts';
import { maxObjectFileSize } from '../../../contract/limits.ts';
import { ProblemError } from '../../../contract/problem.ts';
import {
  type BpfObjectDescription,
  describeBpfObject,
  schedClsProgramType,
} from '../../bpf/object-loader.ts';

/** ELF sections of traffic control programs. libbpf before 1.4 does not recognize `tcx` and `netkit`. */
const sections = /^(tc|classifier|tcx|netkit)($|\/)/;
/** Maximum total size of one program's maps in bytes. */
const maxMapBytes = 64 << 20;

export interface ChosenUserProgram {
  image: Buffer;
  program: string;
  section: string;
}

const refuse = (message: string, hint: string): ProblemError =>
  new ProblemError('bad_object', `attach a user program: ${message}`, { hint });

/**
 * Finds the requested program in an object before anything of it is loaded.
 * @throws ProblemError `too_large`; `bad_object`: no BPF object, no such section or program in it, more than one and
 * none is named, of another type, maps too large
 */
export function chooseUserProgram({
  object,
  section: wanted,
}: Pick<NewUserProgram, 'object' | 'section'>): ChosenUserProgram {
  const image = Buffer.from(object, 'base64');
  if (image.length > maxObjectFileSize)
    throw new ProblemError(
      'too_large',
      `attach a user program of ${image.length} bytes: at most ${maxObjectFileSize} are allowed`,
    );
  const { programs, maps } = describeBpfObject('the object', image);
  const named = (each: { name: string; section: string }): string => `${each.name} (${each.section})`;
  const available = programs.map(named).join(', ') || 'none';
  const found = programs.filter(
    ({ name, section }) => wanted === undefined || name === wanted || section === wanted,
  );
  const [chosen, ...others] = found;
  if (chosen === undefined)
    throw refuse(
      `the object has no ${wanted === undefined ? 'program' : wanted}`,
      `Its programs, with their sections: ${available}.`,
    );
  if (others.length > 0)
    throw refuse(
      `the object has ${found.length} programs${wanted === undefined ? '' : ` in ${wanted}`}`,
      `Name one of ${found.map(({ name }) => name).join(', ')}.`,
    );
  if (!sections.test(chosen.section) || (chosen.type !== schedClsProgramType && chosen.type !== 0))
    throw refuse(
      `${named(chosen)} is not a program of traffic control`,
      'Hooks of pods take SEC("tc"), SEC("tcx/ingress"), SEC("netkit/peer") and the like.',
    );
  const bytes = mapBytes(maps);
  if (bytes > maxMapBytes)
    throw refuse(
      `its maps take ${bytes} bytes, at most ${maxMapBytes} are allowed`,
      'Give them fewer entries.',
    );
  return { image, program: chosen.name, section: chosen.section };
}

const mapBytes = (maps: BpfObjectDescription['maps']): number =>
  maps.reduce((sum, { keyBytes, valueBytes, maxEntries }) => sum + (keyBytes + valueBytes) * maxEntries, 0);
