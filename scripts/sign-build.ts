import { createHash, createPrivateKey, createPublicKey, generateKeyPairSync, sign } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';

const usage = `Usage: node scripts/sign-build.ts --key NAME.key OBJECT      signs a build, into OBJECT.sig
       node scripts/sign-build.ts --new-key NAME             makes NAME.key (keep it) and NAME.pem (trust it)
       node scripts/sign-build.ts --key NAME.key --json OBJECT
                                                             prints the body of POST /api/v1/builds

The signature is ed25519, over the 32 bytes of the object's SHA-256, in base64. A node takes builds that are signed
by a key whose NAME.pem is in the folder of its agent's --trust.
`;

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    key: { type: 'string' },
    'new-key': { type: 'string' },
    json: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
});

try {
  const [object, ...others] = positionals;
  if (values['new-key'] !== undefined && object === undefined) makeKey(values['new-key']);
  else if (values.key !== undefined && object !== undefined && others.length === 0)
    signObject(values.key, object);
  else {
    (values.help ? process.stdout : process.stderr).write(usage);
    process.exitCode = values.help ? 0 : 2;
  }
} catch (error) {
  process.stderr.write(`sign-build: ${(error as Error).message}\n`);
  process.exitCode = 1;
}

/** Creates a key pair. @throws Error if either file exists */
function makeKey(name: string): void {
  const { privateKey, publicKey } = generateKeyPairSync('ed25519');
  const write = (file: string, text: string | Buffer, mode: number) =>
    writeFileSync(file, text, { mode, flag: 'wx' });
  write(`${name}.key`, privateKey.export({ type: 'pkcs8', format: 'pem' }), 0o600);
  write(`${name}.pem`, publicKey.export({ type: 'spki', format: 'pem' }), 0o644);
  process.stderr.write(
    `${name}.key signs: keep it off the nodes. ${name}.pem goes to their --trust folder.\n`,
  );
}

function signObject(keyFile: string, file: string): void {
  const key = createPrivateKey(readFileSync(keyFile));
  if (key.asymmetricKeyType !== 'ed25519')
    throw new Error(`${keyFile}: a key of type ${key.asymmetricKeyType}, not ed25519`);
  const object = readFileSync(file);
  const digest = createHash('sha256').update(object).digest();
  const signature = sign(null, digest, key).toString('base64');
  if (values.json)
    process.stdout.write(`${JSON.stringify({ object: object.toString('base64'), signature })}\n`);
  else writeFileSync(`${file}.sig`, `${signature}\n`);
  const signer = createHash('sha256')
    .update(createPublicKey(key).export({ type: 'spki', format: 'der' }))
    .digest('hex');
  process.stderr.write(`${file}: build ${digest.toString('hex')}, key ${signer}\n`);
}
