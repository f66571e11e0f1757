/** Maximum number of pods that a link to the preflight page names. */
export const maxLinkedPods = 100;

/** Returns the link to the preflight of pods, by `namespace.name`. */
export const preflightHref = (pods: readonly string[]): string => `/preflight?pods=${pods.join(',')}`;
