/**
 * Returns a value that is present by construction.
 * @param what names the value in the error
 * @throws Error when it is null or undefined
 */
export function requireValue<T>(value: T | null | undefined, what: string): T {
  if (value === null || value === undefined) throw new Error(`${what}: missing`);
  return value;
}
