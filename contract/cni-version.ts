/** Versions of the CNI specification that the plugin speaks, oldest first. `cni/podlane-cni.c` prints the same list. */
export const cniVersions = ['0.1.0', '0.2.0', '0.3.0', '0.3.1', '0.4.0', '1.0.0', '1.1.0'] as const;
export type CniVersion = (typeof cniVersions)[number];

export const isCniVersion = (value: unknown): value is CniVersion =>
  cniVersions.includes(value as CniVersion);

/** Compares two versions: negative if the first is older. */
export const compareCniVersions = (a: CniVersion, b: CniVersion): number =>
  cniVersions.indexOf(a) - cniVersions.indexOf(b);
