import type { RulesPlan } from '../../../contract/rules.ts';
import { ApiError } from '../../_lib/api.ts';
import type { EditorLineDiagnostic } from './yaml-editor.tsx';

/** Returns the editor's diagnostics by line: the errors of an invalid text, or the warnings of its plan. */
export function buildLineDiagnostics(
  plan: RulesPlan | undefined,
  error: Error | null,
): EditorLineDiagnostic[] {
  if (error instanceof ApiError)
    return error.errors.map(({ line, path, message }) => ({
      line: line ?? 1,
      severity: 'error',
      message: path === '' ? message : `${path}: ${message}`,
    }));
  return (plan?.warnings ?? []).map(({ line, rule, message }) => ({
    line: line ?? 1,
    severity: 'warning',
    message: `${rule}: ${message}`,
  }));
}
