import { z } from 'zod';

// Names and labels as the API server validates them: k8s.io/apimachinery/pkg/util/validation.

const dnsLabel = '[a-z0-9]([-a-z0-9]*[a-z0-9])?';

/** Name of an object: a DNS subdomain (RFC 1123) of up to 253 characters. */
export const objectName = z
  .string()
  .min(1, 'is missing')
  .max(253)
  .regex(
    new RegExp(`^${dnsLabel}(\\.${dnsLabel})*$`),
    'is not a name: use lowercase letters, digits, - and ., with a letter or digit at both ends',
  );

/** Name of a namespace: a DNS label (RFC 1123) of up to 63 characters. */
export const namespaceName = z
  .string()
  .max(63)
  .regex(
    new RegExp(`^${dnsLabel}$`),
    'is not a namespace: use lowercase letters, digits and -, with a letter or digit at both ends',
  );

const name = '[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?';
const prefix = `(?=[^/]{1,253}/)${dnsLabel}(\\.${dnsLabel})*/`;
const keyPattern = new RegExp(`^(${prefix})?${name}$`);
const absentKeyPattern = new RegExp(`^(${prefix})?[-A-Za-z0-9_.]{1,63}$`);

/** Returns what is wrong with the key of a label; null if a label can have it. */
export const labelKeyProblem = (key: string): string | null =>
  keyPattern.test(key)
    ? null
    : `${JSON.stringify(key)} is not a label: use up to 63 letters, digits, -, _ and ., with a letter or digit at both ends, after a DNS name and / if any`;

/**
 * Returns what is wrong with a key that may be missing from the labels. No label begins or ends with `_`, but a
 * selector of what lacks such a label selects the same with and without it.
 */
export const absentLabelKeyProblem = (key: string): string | null =>
  absentKeyPattern.test(key) ? null : labelKeyProblem(key);

const valuePattern = new RegExp(`^(${name})?$`);

/** Returns what is wrong with the value of a label; null if it is one. An empty value is one. */
export const labelValueProblem = (value: string): string | null =>
  valuePattern.test(value)
    ? null
    : `${JSON.stringify(value)} is not a label's value: use up to 63 letters, digits, -, _ and ., with a letter or digit at both ends`;

/** Returns what is wrong with the name of a port (RFC 6335); null if it is one. */
export const portNameProblem = (text: string): string | null =>
  /^(?=.*[a-z])(?!.*--)[a-z0-9]([-a-z0-9]{0,13}[a-z0-9])?$/.test(text)
    ? null
    : `${JSON.stringify(text)} is neither a number nor the name of a port: up to 15 lowercase letters, digits and -`;
