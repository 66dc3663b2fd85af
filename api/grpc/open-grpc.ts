import { logVerbosity, setLogVerbosity } from '@grpc/grpc-js'
import type { PackageDefinition } from '@grpc/proto-loader'
import { version } from '../../core/version.ts'
import { loadProtocol } from '../../proto/load-protocol.ts'
import type { GatewayDeps } from '../gateway-deps.ts'
import { makeReadiness } from '../readiness.ts'
import { allServices } from './all-services.ts'
import { type GrpcServer, type Offer, makeGrpcServer } from './grpc-server.ts'
import { reflectionName } from './reflection/reflection-service.ts'
import { makeStatuses } from './to-status.ts'
import type { NodeSessions } from './workers/node-sessions.ts'

/** The gateway's gRPC side with all its services. @throws Error when one of them lacks a method */
export function openGrpc(
  deps: GatewayDeps,
  nodes: NodeSessions,
  options: Pick<Offer, 'recheckMs'> = {},
): GrpcServer {
  setLogVerbosity(logVerbosity.NONE) // it would write to stderr what our logs and errors say
  const protocol = deps.config.GRPC_REFLECTION ? loadProtocol() : withoutReflection(loadProtocol())
  const statuses = makeStatuses(protocol)
  return makeGrpcServer(deps, {
    protocol,
    statuses,
    services: allServices(deps, protocol, statuses, makeReadiness(deps, version), nodes),
    ...options,
  })
}

function withoutReflection({ [reflectionName]: _, ...protocol }: PackageDefinition): PackageDefinition {
  return protocol
}
