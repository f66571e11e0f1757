import os from 'node:os';
import type { Condition } from '../contract/condition.ts';
import type { NodeInfo } from '../contract/node.ts';
import type { AgentConfig } from './config.ts';
import type { Datapath } from './datapath/datapath.ts';
import { libbpf_version_string } from './ffi/libbpf.ts';
import { podlaneVersion } from './version.ts';

/** Returns the description of the node that `GET /api/v1/node` reports. */
export function describeNode(
  config: AgentConfig,
  datapath: Datapath,
  { startedAt, bootId, conditions }: { startedAt: Date; bootId: string; conditions: Condition[] },
): NodeInfo {
  return {
    name: os.hostname(),
    bootId,
    kernel: { release: os.release(), version: os.version(), machine: os.machine() },
    environment: config.environment,
    lab: config.lab,
    cpus: os.availableParallelism(),
    capabilities: datapath.capabilities,
    conditions: [...datapath.conditions, ...conditions],
    slots: datapath.slots,
    versions: {
      podlane: podlaneVersion,
      node: process.versions.node,
      libbpf: libbpf_version_string().replace(/^v/, ''),
      api: 'v1',
    },
    agent: { pid: process.pid, startedAt: startedAt.toISOString() },
    datapath: { pins: config.pins, build: datapath.build },
  };
}
