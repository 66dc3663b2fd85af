import { status } from '@grpc/grpc-js'
import type { HealthCheckRequest__Output } from '../../../proto/generated/grpc/health/v1/HealthCheckRequest.ts'
import type { HealthCheckResponse } from '../../../proto/generated/grpc/health/v1/HealthCheckResponse.ts'
import type { Readiness } from '../../readiness.ts'
import type { GatewayDeps } from '../../gateway-deps.ts'
import { type Service, serverStream, unary } from '../method.ts'
import { pause } from '../pause.ts'
import { GrpcRefusal } from '../to-status.ts'

/** How often a stream looks; balancers that watch want to know within a second or so. */
const lookMs = 1000

/**
 * grpc.health.v1. The server as a whole (the empty name) serves from its start to SIGTERM, as `/health`; each service only while the gateway is ready,
 * as `/ready`.
 */
export function healthService(
  deps: GatewayDeps,
  readiness: () => Promise<Readiness>,
  serviceNames: readonly string[],
): Service {
  const isKnown = (name: string): boolean => name === '' || serviceNames.includes(name)

  async function look(name: string): Promise<HealthCheckResponse> {
    const serves = !deps.isStopping() && (name === '' || (await readiness()).status !== 'unavailable')
    return { status: serves ? 'SERVING' : 'NOT_SERVING' }
  }

  return {
    name: 'grpc.health.v1.Health',
    methods: {
      Check: unary<HealthCheckRequest__Output, HealthCheckResponse>({
        access: 'anyone',
        isUnlimited: true,
        async handle(_call, { service }) {
          if (!isKnown(service)) throw new GrpcRefusal(status.NOT_FOUND, `There is no service ${service}.`)
          return look(service)
        },
      }),
      Watch: serverStream<HealthCheckRequest__Output, HealthCheckResponse>({
        access: 'anyone',
        async handle(call, { service }, send) {
          let told: string | undefined
          while (!call.gone().aborted) {
            const response: HealthCheckResponse = isKnown(service)
              ? await look(service)
              : { status: 'SERVICE_UNKNOWN' }
            if (response.status !== told) await send(response)
            told = String(response.status)
            await pause(lookMs, call.gone())
          }
        },
      }),
    },
  }
}
