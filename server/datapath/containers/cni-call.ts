import { isCniName } from '../../../contract/cni-config.ts';
import { CniError, cniErrorCodes } from '../../../contract/cni-error.ts';

/** Commands of the CNI specification that the agent carries out; the plugin answers VERSION itself. */
export const cniCommands = ['ADD', 'DEL', 'CHECK', 'GC', 'STATUS'] as const;
export type CniCommand = (typeof cniCommands)[number];

/** Prefix of the variables that are passed on to other plugins. */
const passedOn = 'CNI_';
/** Variable that is the same for each attempt of the plugin to make a call. */
const requestVariable = 'PODLANE_REQUEST';

/** A call of the plugin as `cni/podlane-cni.c` hands it over. */
export interface CniCall {
  /** The variables CNI_* that the plugin was started with. */
  environment: Record<string, string>;
  /** The configuration as it was given on standard input. */
  config: string;
  request: string | null;
}

/** What a call of a container is about. */
export interface ContainerCall extends CniCall {
  containerId: string;
  interface: string;
  /** Path of the network namespace; empty if it is not known, which DEL allows. */
  netns: string;
  /** Arguments of CNI_ARGS, such as K8S_POD_NAME. */
  args: Record<string, string>;
}

/** Parses a call. @throws CniError decoding failure */
export function parseCniCall(body: Buffer): CniCall {
  const environment: Record<string, string> = {};
  let request: string | null = null;
  let at = 0;
  for (;;) {
    const end = body.indexOf(0, at);
    if (end < 0)
      throw new CniError(cniErrorCodes.decodingFailure, 'decode the call: no end of the variables');
    const [name = '', ...value] = body.toString('utf8', at, end).split('=');
    at = end + 1;
    if (name === '') return { environment, config: body.toString('utf8', at), request };
    if (name === requestVariable) request = value.join('=');
    else if (name.startsWith(passedOn) || name === 'NETCONFPATH') environment[name] = value.join('=');
  }
}

export const encodeCniCall = ({ environment, config }: Pick<CniCall, 'environment' | 'config'>): Buffer =>
  Buffer.from(
    `${Object.entries(environment)
      .map(([name, value]) => `${name}=${value}\0`)
      .join('')}\0${config}`,
  );

/** Returns the command of a call. @throws CniError invalid environment */
export function readCniCommand({ environment }: CniCall): CniCommand {
  const command = cniCommands.find((each) => each === environment.CNI_COMMAND);
  if (command !== undefined) return command;
  throw new CniError(
    cniErrorCodes.invalidEnvironment,
    `unknown CNI_COMMAND: ${JSON.stringify(environment.CNI_COMMAND ?? '')}`,
  );
}

/** Checks the variables of a command about a container. @throws CniError invalid environment */
export function readContainerCall(call: CniCall, command: CniCommand): ContainerCall {
  const { environment } = call;
  const needed = ['CNI_CONTAINERID', 'CNI_IFNAME', 'CNI_PATH', ...(command === 'DEL' ? [] : ['CNI_NETNS'])];
  const missing = needed.filter((name) => !environment[name]);
  if (missing.length > 0)
    throw new CniError(
      cniErrorCodes.invalidEnvironment,
      `required env variables [${missing.join(',')}] missing`,
    );
  const { CNI_CONTAINERID: containerId = '', CNI_IFNAME: name = '', CNI_NETNS: netns = '' } = environment;
  if (!isCniName(containerId))
    throw new CniError(
      cniErrorCodes.invalidEnvironment,
      `invalid characters in CNI_CONTAINERID ${JSON.stringify(containerId)}`,
    );
  if (Buffer.byteLength(name) > 15 || name === '.' || name === '..' || /[\s/:%]/.test(name) || name === 'lo')
    throw new CniError(cniErrorCodes.invalidEnvironment, `invalid interface name ${JSON.stringify(name)}`);
  return { ...call, containerId, interface: name, netns, args: parseArguments(environment.CNI_ARGS ?? '') };
}

/** Parses `KEY=VALUE;KEY=VALUE`. @throws CniError invalid environment */
function parseArguments(text: string): Record<string, string> {
  const pairs = text.split(';').filter((pair) => pair !== '');
  return Object.fromEntries(
    pairs.map((pair) => {
      const [name = '', ...value] = pair.split('=');
      if (value.length === 0)
        throw new CniError(
          cniErrorCodes.invalidEnvironment,
          `CNI_ARGS: ${JSON.stringify(pair)} is not of the form KEY=VALUE`,
        );
      return [name, value.join('=')];
    }),
  );
}
