import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { createNamedNamespace, deleteNamedNamespace } from '../../server/kernel/netns.ts';
import type { TestNode } from './node.ts';

/** Network namespaces of a host and of pods, without an agent. */
export class NamespaceTestbed implements Disposable, Pick<TestNode, 'host' | 'run' | 'addNamespace'> {
  readonly host: string;
  readonly #id = `podlane-t-${randomBytes(3).toString('hex')}`;
  readonly #names: string[] = [];

  constructor() {
    this.host = this.addNamespace('host');
  }

  addNamespace(name: string): string {
    const full = `${this.#id}-${name}`;
    const path = createNamedNamespace(full);
    this.#names.push(full);
    this.run(['ip', 'link', 'set', 'lo', 'up'], path);
    return path;
  }

  run(command: string[], netns = this.host): string {
    return execFileSync('nsenter', [`--net=${netns}`, ...command], { encoding: 'utf8' });
  }

  [Symbol.dispose](): void {
    for (const name of this.#names.reverse()) deleteNamedNamespace(name);
  }
}
