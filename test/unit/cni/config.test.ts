import { describe, expect, test } from 'vitest';
import { parseCniConfig, readCniVersion, requireCniVersion } from '../../../contract/cni-config.ts';
import { CniError } from '../../../contract/cni-error.ts';
import { cniVersions } from '../../../contract/cni-version.ts';
import {
  encodeCniCall,
  parseCniCall,
  readCniCommand,
  readContainerCall,
} from '../../../server/datapath/containers/cni-call.ts';

const parse = (more: object) => parseCniConfig(JSON.stringify({ cniVersion: '1.1.0', name: 'net', ...more }));
const codeOf = (run: () => unknown): number | string => {
  try {
    run();
    return 'no error';
  } catch (error) {
    return error instanceof CniError ? error.code : String(error);
  }
};

describe('a configuration', () => {
  test('has defaults, and unknown keys do not break it', () => {
    expect(parse({ type: 'podlane', nonsense: { x: 1 }, runtimeConfig: { more: 1 }, capabilities: { ips: true } })).toEqual({
      version: '1.1.0',
      name: 'net',
      mode: null,
      device: null,
      mtu: null,
      pool: [],
      ipam: null,
      dns: {},
      portMappings: [],
      requestedAddresses: [],
      requestedMac: null,
      aliases: [],
      annotations: {},
      labels: {},
      previous: null,
      validAttachments: null,
    });
  });

  test('empty and null parts are as if they were not there', () => {
    expect(
      parse({
        ipam: {},
        mtu: 0,
        device: '',
        prevResult: null,
        args: {},
        dns: null,
        runtimeConfig: { ips: null, portMappings: null, mac: '', bandwidth: {}, aliases: null },
      }),
    ).toMatchObject({ ipam: null, mtu: null, device: null, previous: null, requestedMac: null });
    // As libcni passes it where nothing is limited.
    expect(parse({ runtimeConfig: { bandwidth: { ingressRate: 0, ingressBurst: 0 } } }).version).toBe('1.1.0');
  });

  test('capabilities come before the older arguments', () => {
    const args = { cni: { ips: ['10.0.0.1'], mac: '02:00:00:00:00:01' } };
    expect(parse({ args })).toMatchObject({ requestedAddresses: ['10.0.0.1'], requestedMac: '02:00:00:00:00:01' });
    expect(parse({ args, runtimeConfig: { ips: ['10.0.0.2/24'], mac: '02:00:00:00:00:02' } })).toMatchObject({
      requestedAddresses: ['10.0.0.2/24'],
      requestedMac: '02:00:00:00:00:02',
    });
  });

  test('aliases are a list, or one for each network', () => {
    expect(parse({ runtimeConfig: { aliases: ['a'] } }).aliases).toEqual(['a']);
    expect(parse({ runtimeConfig: { aliases: { net: ['b'], other: ['c'] } } }).aliases).toEqual(['b']);
  });

  test('attachments that are valid: absent is not none', () => {
    expect(parse({}).validAttachments).toBeNull();
    expect(parse({ 'cni.dev/valid-attachments': [] }).validAttachments).toEqual([]);
    const one = [{ containerID: 'c', ifname: 'eth0' }];
    expect(parse({ 'cni.dev/attachments': one }).validAttachments).toEqual(one);
  });

  test.each([
    ['[]', 6],
    ['null', 6],
    ['{', 6],
    ['{"cniVersion":1,"name":"net"}', 6],
    ['{"cniVersion":"1.2.0","name":"net"}', 1],
    ['{"cniVersion":"1.0.0"}', 7],
    ['{"cniVersion":"1.0.0","name":""}', 7],
    ['{"cniVersion":"1.0.0","name":"a/b"}', 7],
    ['{"cniVersion":"1.0.0","name":"net","pool":["10.0.0.0"]}', 7],
    ['{"cniVersion":"1.0.0","name":"net","mtu":-1}', 7],
    ['{"cniVersion":"1.0.0","name":"net","mode":"steal"}', 2],
    ['{"cniVersion":"1.0.0","name":"net","device":"tun"}', 2],
    ['{"cniVersion":"1.0.0","name":"net","runtimeConfig":{"bandwidth":{"egressRate":1}}}', 2],
    ['{"cniVersion":"1.0.0","name":"net","prevResult":{"cniVersion":"7.0.0"}}', 1],
    ['{"cniVersion":"1.0.0","name":"net","prevResult":{"ips":"x"}}', 6],
  ])('%s is refused with code %i', (text, code) => {
    expect(codeOf(() => parseCniConfig(text))).toBe(code);
  });

  test('the version for an error is that of the text as far as it can be read', () => {
    expect(readCniVersion('{"cniVersion":"0.4.0"}')).toBe('0.4.0');
    expect(readCniVersion('{')).toBe('0.1.0');
    expect(readCniVersion('null')).toBe('0.1.0');
    expect(readCniVersion('{"cniVersion":"9"}')).toBe('0.1.0');
  });

  test('a command is refused in versions before it', () => {
    expect(cniVersions.filter((version) => codeOf(() => requireCniVersion('CHECK', version, '0.4.0')) === 1)).toEqual([
      '0.1.0',
      '0.2.0',
      '0.3.0',
      '0.3.1',
    ]);
  });
});

describe('a call', () => {
  const environment = { CNI_COMMAND: 'ADD', CNI_CONTAINERID: 'c', CNI_IFNAME: 'eth0', CNI_PATH: '/x', CNI_NETNS: '/n' };

  test('survives its encoding; other variables are left out', () => {
    const config = '{"a":"\\u0000 =\n"}';
    expect(parseCniCall(encodeCniCall({ environment, config }))).toEqual({ environment, config, request: null });
    expect(parseCniCall(Buffer.from('PATH=/bin\0PODLANE_REQUEST=7\0LD_PRELOAD=x\0\0{}'))).toEqual({
      environment: {},
      config: '{}',
      request: '7',
    });
    expect(codeOf(() => parseCniCall(Buffer.from('CNI_COMMAND=ADD')))).toBe(6);
  });

  test.each([
    [{ CNI_COMMAND: 'VERSION' }, 4],
    [{ CNI_COMMAND: '' }, 4],
  ])('%j is no command', (variables, code) => {
    expect(codeOf(() => readCniCommand({ environment: variables }))).toBe(code);
  });

  test.each([
    [{ CNI_CONTAINERID: '' }],
    [{ CNI_CONTAINERID: '-c' }],
    [{ CNI_CONTAINERID: 'a b' }],
    [{ CNI_IFNAME: 'sixteen-letters-' }],
    [{ CNI_IFNAME: '..' }],
    [{ CNI_IFNAME: 'a:b' }],
    [{ CNI_IFNAME: 'lo' }],
    [{ CNI_PATH: '' }],
    [{ CNI_NETNS: '' }],
    [{ CNI_ARGS: 'K8S_POD_NAME' }],
  ])('with %j it is refused', (variables) => {
    const call = { environment: { ...environment, ...variables }, config: '{}', request: null };
    expect(codeOf(() => readContainerCall(call, 'ADD'))).toBe(4);
  });

  test('DEL needs no namespace; arguments may be empty', () => {
    const { CNI_NETNS: _, ...without } = { ...environment, CNI_ARGS: ';A=;B=1=2;' };
    expect(readContainerCall({ environment: without, config: '{}', request: null }, 'DEL')).toMatchObject({
      netns: '',
      args: { A: '', B: '1=2' },
    });
  });
});
