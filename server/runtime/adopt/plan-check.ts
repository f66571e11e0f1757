import type { MigrationCheck } from '../../../contract/migration.ts';
import type { ProblemCode } from '../../../contract/problem.ts';

export const passed = (name: string, detail: string): MigrationCheck => ({
  topic: 'network',
  name,
  state: 'passed',
  detail,
  code: null,
});
export const note = (name: string, detail: string): MigrationCheck => ({
  topic: 'network',
  name,
  state: 'note',
  detail,
  code: null,
});
export const refused = (name: string, code: ProblemCode, detail: string): MigrationCheck => ({
  topic: 'network',
  name,
  state: 'refused',
  detail,
  code,
});
