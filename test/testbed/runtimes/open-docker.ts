// Opens Docker with a container, prints what is known of its host as JSON, and stays.
import { DockerNode } from '../../../scripts/runtimes/docker.ts';

const node = await DockerNode.open();
await node.run({ name: 'web' });
const { name, folder, outside, controlGroups } = node.host;
process.stdout.write(`${JSON.stringify({ name, folder, outside, controlGroups })}\n`);
setInterval(() => {}, 1000);
