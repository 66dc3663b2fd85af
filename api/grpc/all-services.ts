import type { PackageDefinition } from '@grpc/proto-loader'
import type { Readiness } from '../readiness.ts'
import type { GatewayDeps } from '../gateway-deps.ts'
import { healthService } from './health/health-service.ts'
import { jobService } from './jobs/job-service.ts'
import type { Service } from './method.ts'
import { reflectionName, reflectionService } from './reflection/reflection-service.ts'
import type { NodeSessions } from './workers/node-sessions.ts'
import { workerService } from './workers/worker-service.ts'
import type { StatusMaker } from './to-status.ts'

/** Every service of the gateway; reflection where the protocol has it. */
export function allServices(
  deps: GatewayDeps,
  protocol: PackageDefinition,
  statuses: StatusMaker,
  readiness: () => Promise<Readiness>,
  nodes: NodeSessions,
): Service[] {
  const services = [jobService(deps, protocol, statuses), workerService(deps, nodes)]
  return [
    ...services,
    healthService(
      deps,
      readiness,
      services.map(({ name }) => name),
    ),
    ...(reflectionName in protocol ? [reflectionService(protocol)] : []),
  ]
}
