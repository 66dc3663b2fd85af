import { ConfigError } from '../../../core/config.ts'
import { loadKedaProtocol } from '../../../proto/load-protocol.ts'
import type { GatewayDeps } from '../../gateway-deps.ts'
import { type GrpcServer, makeGrpcServer } from '../grpc-server.ts'
import { makeStatuses } from '../to-status.ts'
import { externalScaler } from './external-scaler.ts'

/**
 * KEDA's external scaler, at a port of its own: KEDA has no token to send, and a door that it comes in by without one must lead nowhere else.
 * @throws ConfigError where ops itself starts and stops nodes
 */
export function openKedaScaler(deps: GatewayDeps): GrpcServer {
  const { SCALING_DRIVER } = deps.config
  if (SCALING_DRIVER !== 'external')
    throw new ConfigError([
      `KEDA_PORT is for SCALING_DRIVER external: with ${SCALING_DRIVER} ${SCALING_DRIVER === 'none' ? 'nothing is decided' : 'ops starts and stops nodes as well'}.`,
    ])
  const protocol = loadKedaProtocol()
  return makeGrpcServer(deps, {
    protocol,
    statuses: makeStatuses(protocol),
    services: [externalScaler(deps)],
    door: 'KEDA',
  })
}
