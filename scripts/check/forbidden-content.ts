import { readFileSync } from 'node:fs';
import { join } from 'node:path';

const rules: { pattern: RegExp; says: string }[] = [
  {
    pattern:
      // The label pod-security.kubernetes.io/enforce is no host.
      /(?<!pod-)\b(registry|registries|deb|ftp|mirror|archive|security|snapshot|pypi)\.([a-z0-9-]+\.)+(org|com|net|io|dev)\b/i,
    says: 'names a package registry: the machine’s own settings say where packages come from',
  },
  { pattern: /(^|[\s"'`(=:])\/(home|Users|work)\/[\w.-]+/m, says: 'holds a path of one person’s machine' },
];

/** Returns each line of a committed text that breaks a rule, with the rule. */
export function findForbiddenContent(file: string, text: string): string[] {
  return text
    .split('\n')
    .flatMap((line, index) =>
      rules.filter(({ pattern }) => pattern.test(line)).map(({ says }) => `${file}:${index + 1} ${says}`),
    );
}

/** Checks the content of all text files. */
export function checkTextContent(root: string, files: string[]): string[] {
  return files.flatMap((file) => {
    const bytes = readFileSync(join(root, file));
    return bytes.includes(0) ? [] : findForbiddenContent(file, bytes.toString('utf8'));
  });
}
