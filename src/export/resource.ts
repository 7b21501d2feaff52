// SPDX-License-Identifier: Apache-2.0
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import os from 'node:os';
import type { AttributeValue } from '@opentelemetry/api';
import { SDK_INFO } from '@opentelemetry/core';
import { type Resource, resourceFromAttributes } from '@opentelemetry/resources';
import type { ResourceValue } from '../config/file-settings.ts';
import type { Detector } from '../config/lists.ts';
import { VERSION } from '../config/version.ts';

/** What a Resource says about the host; whatever is not known is absent. */
export interface HostFacts {
  readonly name: string;
  /** systemd's machine id, 32 hex digits. */
  readonly machineId: string | undefined;
  /** As Node calls it: x64, arm64, … */
  readonly arch: string;
  readonly addresses: readonly string[];
  readonly kernelRelease: string;
  /** PRETTY_NAME of os-release. */
  readonly description: string | undefined;
}

const NAME = 'agentsmith-otel';
/** Of UUIDs that are made of host id and name (design: events.md 7). */
const INSTANCE_NAMESPACE = '4d63009a-8d0f-11ee-aad7-4c796ed8e320';
const ARCHITECTURES: Readonly<Record<string, string>> = {
  x64: 'amd64',
  ia32: 'x86',
  arm: 'arm32',
  ppc: 'ppc32',
};
/** Hosts of many containers have an address on each bridge; a Resource travels with every batch. */
const ADDRESSES_MAX = 32;

/**
 * Where facts about the host stand. In a container that shares the host's pid namespace, process 1 leads to the
 * host's own files: images often carry a machine id that all their containers share.
 */
const HOST_ROOTS = ['/proc/1/root', ''];
const MACHINE_ID_FILES = ['/etc/machine-id', '/var/lib/dbus/machine-id'];
const OS_RELEASE_FILES = ['/etc/os-release', '/usr/lib/os-release'];

/** Reads the facts of this host. */
export function hostFacts(): HostFacts {
  return {
    name: os.hostname(),
    machineId: firstOf(MACHINE_ID_FILES, parseMachineId),
    arch: os.arch(),
    addresses: hostAddresses(os.networkInterfaces()),
    kernelRelease: os.release(),
    description: firstOf(OS_RELEASE_FILES, prettyName),
  };
}

/** What a Resource is made of beside the facts. */
export interface ResourceOptions {
  readonly detectors: readonly Detector[];
  /** What the user gave; it wins over what was found. */
  readonly attributes: Readonly<Record<string, ResourceValue>>;
  /** From the downward API of Kubernetes: K8S_NODE_NAME. */
  readonly nodeName?: string | undefined;
}

/** The Resource of the agent's own records. Its program and the SDK are always named. */
export function hostResource(facts: HostFacts, options: ResourceOptions): Resource {
  const { detectors, attributes, nodeName } = options;
  const found: Readonly<Record<Detector, Record<string, ResourceValue>>> = {
    serviceinstance: {
      'service.instance.id': uuid5(INSTANCE_NAMESPACE, (facts.machineId ?? '') + facts.name),
    },
    host: {
      ...(facts.machineId !== undefined && { 'host.id': facts.machineId }),
      'host.name': facts.name,
      'host.arch': ARCHITECTURES[facts.arch] ?? facts.arch,
      ...(facts.addresses.length > 0 && { 'host.ip': facts.addresses }),
    },
    os: {
      'os.type': 'linux',
      'os.version': facts.kernelRelease,
      ...(facts.description !== undefined && { 'os.description': facts.description }),
    },
    env: { ...(nodeName && { 'k8s.node.name': nodeName }) },
  };
  const all: Record<string, ResourceValue> = {
    'service.name': NAME,
    'service.version': VERSION,
    'telemetry.sdk.language': SDK_INFO['telemetry.sdk.language'],
    'telemetry.sdk.name': SDK_INFO['telemetry.sdk.name'],
    'telemetry.sdk.version': SDK_INFO['telemetry.sdk.version'],
    'telemetry.distro.name': NAME,
    'telemetry.distro.version': VERSION,
  };
  for (const detector of detectors) Object.assign(all, found[detector]);
  Object.assign(all, attributes);
  // Lists are copied: the SDK's own type wants to be able to change them.
  return resourceFromAttributes(
    Object.fromEntries(Object.entries(all).map(([name, value]) => [name, copied(value)])),
  );
}

function copied(value: ResourceValue): AttributeValue {
  return Array.isArray(value)
    ? ([...value] as string[])
    : (value as Exclude<ResourceValue, readonly unknown[]>);
}

/** A version 5 UUID (RFC 9562, 5.5): the same for the same name. */
export function uuid5(namespace: string, name: string): string {
  const hash = createHash('sha1')
    .update(Buffer.from(namespace.replaceAll('-', ''), 'hex'))
    .update(name)
    .digest();
  hash[6] = (hash[6]! & 0x0f) | 0x50;
  hash[8] = (hash[8]! & 0x3f) | 0x80;
  return hash.toString('hex', 0, 16).replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-');
}

/** `undefined` for "uninitialized" and the empty file of a fresh image. */
export function parseMachineId(text: string): string | undefined {
  return /^[0-9a-f]{32}$/i.test(text.trim()) ? text.trim().toLowerCase() : undefined;
}

/** PRETTY_NAME of an os-release(5) file, its shell quoting undone. */
export function prettyName(text: string): string | undefined {
  const value = /^PRETTY_NAME=(.{0,1000})$/m.exec(text)?.[1]?.trim() ?? '';
  const inner =
    /^"(.*)"$/.exec(value)?.[1]?.replaceAll(/\\(["$`\\])/g, '$1') ?? /^'(.*)'$/.exec(value)?.[1] ?? value;
  return inner === '' ? undefined : inner;
}

/** Addresses that others may know the host by: no loopback, and no link-local ones, of which every veth has its own. */
export function hostAddresses(interfaces: NodeJS.Dict<os.NetworkInterfaceInfo[]>): string[] {
  const addresses = Object.values(interfaces)
    .flatMap((each) => each ?? [])
    .filter(({ internal, address }) => !internal && !/^fe[89ab][0-9a-f]:/i.test(address))
    .map(({ address }) => address);
  return [...new Set(addresses)].sort().slice(0, ADDRESSES_MAX);
}

function firstOf(paths: readonly string[], parse: (text: string) => string | undefined): string | undefined {
  for (const root of HOST_ROOTS) {
    for (const path of paths) {
      try {
        const value = parse(readFileSync(root + path, 'utf8'));
        if (value !== undefined) return value;
      } catch {
        // Not there, or not ours to read: the next.
      }
    }
  }
  return undefined;
}
