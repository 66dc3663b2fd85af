import { loadKedaProtocol } from '../../../proto/load-protocol.ts'
import type { GatewayDeps } from '../../gateway-deps.ts'
import { type GrpcServer, makeGrpcServer } from '../grpc-server.ts'
import { makeStatuses } from '../to-status.ts'
import { externalScaler } from './external-scaler.ts'

/** KEDA's external scaler, at a port of its own: KEDA has no token to send, and a door that it comes in by without one must lead nowhere else. */
export function openKedaScaler(deps: GatewayDeps): GrpcServer {
  const protocol = loadKedaProtocol()
  return makeGrpcServer(deps, {
    protocol,
    statuses: makeStatuses(protocol),
    services: [externalScaler(deps)],
    door: 'KEDA',
  })
}
