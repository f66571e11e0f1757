/** A build as sentences name it: the first digits of its SHA-256. */
export const shortBuildId = (sha256: string): string => sha256.slice(0, 12);
