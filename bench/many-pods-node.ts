import { podAddress } from '../test/testbed/many-pods.ts';
import { startTestNode, type TestNode } from '../test/testbed/node.ts';

/** Number of pods that are attached at the same time, since the kernel waits while it attaches programs. */
const parallel = 16;

/** Starts an agent on a node of its own and attaches that many pods, on veth where the kernel has no netkit. */
export async function startNodeWithPods(pods: number): Promise<TestNode> {
  const node = await startTestNode(['--max-slots', '2048', '--observe', 'programs']);
  try {
    let next = 0;
    const attach = async (): Promise<void> => {
      for (let n = next++; n < pods; n = next++) await node.addPod(`many-${n}`, `${podAddress(n)}/32`);
    };
    await Promise.all(Array.from({ length: parallel }, attach));
    return node;
  } catch (error) {
    await node[Symbol.asyncDispose]();
    throw error;
  }
}
