/** Returns the first 12 digits of a build's SHA-256. */
export const shortenBuildId = (sha256: string): string => sha256.slice(0, 12);
