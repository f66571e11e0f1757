import { createHash } from 'node:crypto';
import { z } from 'zod';
import type { UserProgram } from '../../../contract/build.ts';
import { type NewUserProgram, userProgramSchema } from '../../../contract/build.ts';
import type { AttachedProgram } from '../../../contract/device.ts';
import { maxUserPrograms } from '../../../contract/limits.ts';
import { ProblemError } from '../../../contract/problem.ts';
import type { TaskScope } from '../../async/task-scope.ts';
import { withBpfObjectById } from '../../bpf/bpf-object-info.ts';
import { readBpfMapInfo } from '../../bpf/map-info.ts';
import { loadBpfObject } from '../../bpf/object-loader.ts';
import { readBpfProgramInfoById } from '../../bpf/program-info.ts';
import type { UserProgramPin } from '../../bpf/user-program-pins.ts';
import { type DatapathContext, formatPodName } from '../datapath-context.ts';
import { attachUserProgram, removeUserProgram } from '../device/attach-user-programs.ts';
import { readAttachedPrograms } from '../device/podlane-programs.ts';
import { podlaneProgramHooks } from '../device/program-hooks.ts';
import { withPod } from '../pod-activity.ts';
import { getCurrentDevice, type LivePod } from '../pod-registry.ts';
import { wrapAsProblemError } from '../wrap-as-problem.ts';
import { chooseUserProgram } from './choose-program.ts';

/** Schema of the facts about user programs that the kernel does not hold; stored as the pod's setting `programs`. */
const notes = z.array(
  userProgramSchema.pick({
    number: true,
    name: true,
    section: true,
    object: true,
    actor: true,
    attachedAt: true,
  }),
);
type Note = z.infer<typeof notes>[number];

/** Attaches users' eBPF programs to pods, beside Podlane's programs, and detaches them. */
export class UserPrograms {
  readonly #context: DatapathContext;
  readonly #scope: TaskScope;

  /** Creates the set of user programs. @param scope task scope that owns running changes */
  constructor(context: DatapathContext, scope: TaskScope) {
    this.#context = context;
    this.#scope = scope;
  }

  /** Reads a pod's user programs from the kernel. @throws ProblemError `pod_not_found` or `device_missing` */
  async list(id: string): Promise<UserProgram[]> {
    const pod = this.#context.registry.require(id);
    const there = await readAttachedPrograms(this.#context.kernel, getCurrentDevice(pod));
    const known = await this.#notes(pod);
    return this.#context.kernel.userPins.of(pod.record.number).flatMap((pinned) => {
      return this.#describe(pod, pinned, there, known) ?? [];
    });
  }

  /**
   * Loads one program of an object and attaches it to a hook of the pod's device, before or after Podlane's program.
   * @throws ProblemError `pod_not_found`, `pod_gone`, `migration_running`, `pod_busy`, `too_large`, `bad_object`,
   * `verifier_refused`, `unprocessable` for a hook without Podlane's program, `too_many_programs`, `device_missing`,
   * `kernel_refused`, `store_failed`; after each of them nothing of the program is left
   */
  attach(id: string, wanted: NewUserProgram, actor: string): Promise<UserProgram> {
    const pod = this.#context.registry.require(id);
    const chosen = chooseUserProgram(wanted);
    const what = `attach a program to ${formatPodName(pod)}`;
    return this.#change(pod, what, async () => {
      const { kernel, store, publish } = this.#context;
      const device = getCurrentDevice(pod);
      const direction = (['egress', 'ingress'] as const).find(
        (each) => podlaneProgramHooks[device.hooks][each] === wanted.hook,
      );
      if (direction === undefined)
        throw new ProblemError(
          'unprocessable',
          `${what}: Podlane's programs of ${device.primaryName} are not on ${wanted.hook}`,
          { hint: `They are on ${Object.values(podlaneProgramHooks[device.hooks]).join(' and ')}.` },
        );
      const number = this.#freeNumber(pod, what);
      const object = await loadBpfObject({ name: 'user', image: chosen.image, program: chosen.program });
      let pinned: UserProgramPin | null = null;
      try {
        const fd = object.programs.get(chosen.program);
        if (fd === undefined) throw new Error(`${what}: ${chosen.program} was not loaded`);
        pinned = kernel.userPins.add(fd, {
          owner: pod.record.number,
          number,
          direction,
          place: wanted.place,
        });
        await attachUserProgram(kernel, pinned, device);
        const note: Note = {
          number,
          name: wanted.name ?? chosen.program,
          section: chosen.section,
          actor,
          object: {
            sha256: createHash('sha256').update(chosen.image).digest('hex'),
            bytes: chosen.image.length,
          },
          attachedAt: new Date().toISOString(),
        };
        await store.saveSetting(pod.record.id, 'programs', [
          ...(await this.#notes(pod)).filter((each) => each.number !== number),
          note,
        ]);
      } catch (error) {
        if (pinned) await removeUserProgram(kernel, pinned, [device]);
        throw error;
      } finally {
        object.close();
      }
      const added = (await this.list(id)).find((each) => each.number === number);
      if (added === undefined)
        throw new ProblemError('program_not_found', `${what}: it was detached at once by another process`);
      await publish.event({
        type: 'program.attached',
        severity: 'info',
        podId: pod.record.id,
        migrationId: null,
        message: `${actor} attached program ${added.name} to ${added.hook} of ${formatPodName(pod)}, ${added.place} Podlane's`,
      });
      publish.pod(pod);
      return added;
    });
  }

  /**
   * Detaches a user program; its maps are freed with it.
   * @throws ProblemError `pod_not_found`, `program_not_found`, `migration_running`, `pod_busy`, `pod_gone`
   */
  detach(id: string, number: number, actor: string): Promise<void> {
    const pod = this.#context.registry.require(id);
    const what = `detach program ${number} of ${formatPodName(pod)}`;
    return this.#change(pod, what, async () => {
      const { kernel, store, publish } = this.#context;
      const pinned = kernel.userPins.of(pod.record.number).find((each) => each.number === number);
      if (pinned === undefined)
        throw new ProblemError('program_not_found', `${what}: the pod has no program of this number`);
      const known = await this.#notes(pod);
      await removeUserProgram(kernel, pinned, pod.devices);
      const left = known.filter((each) => each.number !== number);
      await store.saveSetting(pod.record.id, 'programs', left.length > 0 ? left : null);
      const name = known.find((each) => each.number === number)?.name ?? String(number);
      await publish.event({
        type: 'program.detached',
        severity: 'info',
        podId: pod.record.id,
        migrationId: null,
        message: `${actor} detached program ${name} from ${formatPodName(pod)}`,
      });
      publish.pod(pod);
    });
  }

  async #change<T>(pod: LivePod, what: string, work: () => Promise<T>): Promise<T> {
    try {
      return await this.#scope.run(() => withPod(pod, { type: 'changing-programs' }, what, work));
    } catch (error) {
      throw wrapAsProblemError(error);
    }
  }

  #freeNumber(pod: LivePod, what: string): number {
    const taken = this.#context.kernel.userPins.of(pod.record.number).map(({ number }) => number);
    const free = Array.from({ length: maxUserPrograms }, (_, i) => i + 1).find((n) => !taken.includes(n));
    if (free !== undefined) return free;
    throw new ProblemError(
      'too_many_programs',
      `${what}: it has ${maxUserPrograms}, the most that a pod may have`,
      {
        hint: 'Detach one first.',
      },
    );
  }

  async #notes(pod: LivePod): Promise<Note[]> {
    return notes.safeParse(await this.#context.store.setting(pod.record.id, 'programs')).data ?? [];
  }

  /** Describes a user program. @returns null if the kernel has unloaded the program in the meantime */
  #describe(
    pod: LivePod,
    { number, programId, direction, place }: UserProgramPin,
    there: readonly AttachedProgram[],
    known: readonly Note[],
  ): UserProgram | null {
    const info = readBpfProgramInfoById(programId);
    if (info === null) return null;
    const note = known.find((each) => each.number === number);
    const on = there.find((each) => each.id === programId);
    return {
      number,
      podId: pod.record.id,
      place,
      hook: podlaneProgramHooks[getCurrentDevice(pod).hooks][direction],
      name: note?.name ?? info.name,
      section: note?.section ?? '',
      object: note?.object ?? { sha256: '0'.repeat(64), bytes: 0 },
      program: {
        id: info.id,
        name: info.name,
        tag: info.tag,
        verifiedInstructions: info.verifiedInstructions || null,
      },
      maps: info.mapIds.flatMap((id) => {
        const name = withBpfObjectById('map', id, (fd) => readBpfMapInfo(fd).name);
        return name === null ? [] : [{ id, name }];
      }),
      attached: on !== undefined,
      position: on?.position ?? null,
      actor: note?.actor ?? 'local',
      attachedAt: note?.attachedAt ?? info.loadedAt.toISOString(),
    };
  }
}
