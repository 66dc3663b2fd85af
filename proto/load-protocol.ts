import type { ServiceDefinition } from '@grpc/grpc-js'
import { loadSync, type MessageTypeDefinition, type PackageDefinition } from '@grpc/proto-loader'

/** What users and workers speak with a gateway over gRPC, from the `.proto` files of this folder. */
const gatewayFiles = [
  'noodle/v1/jobs.proto',
  'noodle/v1/workers.proto',
  'grpc/health/v1/health.proto',
  'grpc/reflection/v1/reflection.proto',
  'google/rpc/error_details.proto',
] as const

/** What KEDA speaks, at a port of its own. */
const kedaFiles = [
  'externalscaler/externalscaler.proto',
  'google/rpc/status.proto',
  'google/rpc/error_details.proto',
] as const

export const protocolFiles = [...new Set([...gatewayFiles, ...kedaFiles])]

/** How messages look in JavaScript. The generated types are made with the same: 64-bit integers are texts, for a number would lose their digits. */
export const messageOptions = { longs: String, enums: String, defaults: true, oneofs: true } as const

/** Reads the schemas that a gateway serves. Takes some ten milliseconds, so once a process. @throws Error when a file is missing or wrong */
export const loadProtocol = (): PackageDefinition => load(gatewayFiles)

export const loadKedaProtocol = (): PackageDefinition => load(kedaFiles)

/** All that is spoken anywhere. */
export const loadAllProtocols = (): PackageDefinition => load(protocolFiles)

const load = (files: readonly string[]): PackageDefinition =>
  loadSync([...files], { ...messageOptions, includeDirs: [import.meta.dirname] })

/** @param name with its package, such as `noodle.v1.JobService` */
export function serviceOf(protocol: PackageDefinition, name: string): ServiceDefinition {
  const found = protocol[name]
  if (!found || 'format' in found) throw new Error(`The protocol has no service ${name}.`)
  return found
}

/** Gives bytes of a message, for what travels within others. @param name with its package */
export function messageOf(protocol: PackageDefinition, name: string): MessageTypeDefinition<object, object> {
  const found = protocol[name]
  if (!found || !('serialize' in found)) throw new Error(`The protocol has no message ${name}.`)
  return found as MessageTypeDefinition<object, object>
}

/** All services by their names. */
export const servicesOf = (protocol: PackageDefinition): Map<string, ServiceDefinition> =>
  new Map(
    Object.entries(protocol).flatMap(([name, found]) =>
      'format' in found ? [] : [[name, found as ServiceDefinition] as const],
    ),
  )
