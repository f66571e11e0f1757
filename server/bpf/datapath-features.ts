import { readFile } from 'node:fs/promises';
import { loadBpfObject } from './object-loader.ts';

/** Features of the kernel that the datapath's programs use where they exist. */
export interface DatapathFeatures {
  /**
   * Programs can look connections up in the kernel's conntrack. False while nf_conntrack is a module that is not loaded:
   * then nothing translates addresses either.
   */
  conntrack: boolean;
  /** Programs can read the kernel's struct sk_buff, and so tell a redirected packet from one of the host stack. */
  kernelContext: boolean;
}

/** Names of the programs in `bpf/features.bpf.c` that need each feature, and the bits in podlane_config.features. */
const features: Record<keyof DatapathFeatures, { program: string; bit: number }> = {
  conntrack: { program: 'conntrack', bit: 1 },
  kernelContext: { program: 'kernel_context', bit: 2 },
};

const committedObject = new URL('../../bpf/objects/features.bpf.o', import.meta.url);

/**
 * Loads the program that needs a feature, and unloads it.
 * @throws ProblemError with the kernel's or libbpf's refusal, where the feature is missing
 */
export async function tryDatapathFeature(name: keyof DatapathFeatures): Promise<void> {
  const { program } = features[name];
  const image = await readFile(committedObject);
  (await loadBpfObject({ name: 'features', image, program })).close();
}

/** Detects the features by using each. */
export async function detectDatapathFeatures(): Promise<DatapathFeatures> {
  const works = (name: keyof DatapathFeatures) =>
    tryDatapathFeature(name).then(
      () => true,
      () => false,
    );
  return { conntrack: await works('conntrack'), kernelContext: await works('kernelContext') };
}

/** Encodes the features as the bits of podlane_config.features. */
export const encodeDatapathFeatures = (found: DatapathFeatures): number =>
  (found.conntrack ? features.conntrack.bit : 0) | (found.kernelContext ? features.kernelContext.bit : 0);
