import { resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { podlaneVersion } from '../server/version.ts';
import { buildImage, publishedImage } from './image/build-image.ts';

const usage = `npm run image -- [--output FILE] [--name NAME[:TAG]]

Builds an image of Podlane for deploy/kubernetes, out of Debian's packages and this clone: no registry is asked.
The file is read by \`ctr -n k8s.io images import\`, \`docker load\` and \`podman load\`. [podlane.tar, podlane:${podlaneVersion}]
`;

const { values } = parseArgs({
  options: {
    output: { type: 'string', default: 'podlane.tar' },
    name: { type: 'string', default: `podlane:${podlaneVersion}` },
    help: { type: 'boolean', default: false },
  },
});
if (values.help) process.stdout.write(usage);
else {
  const file = resolve(values.output);
  await buildImage(file, [{ ...publishedImage(podlaneVersion), name: values.name }]);
  process.stdout.write(`${values.name} is in ${file}\n`);
}
