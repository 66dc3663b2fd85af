import type { GetMetricSpecResponse } from '../../../proto/generated/externalscaler/GetMetricSpecResponse.ts'
import type { GetMetricsRequest__Output } from '../../../proto/generated/externalscaler/GetMetricsRequest.ts'
import type { GetMetricsResponse } from '../../../proto/generated/externalscaler/GetMetricsResponse.ts'
import type { IsActiveResponse } from '../../../proto/generated/externalscaler/IsActiveResponse.ts'
import type { ScaledObjectRef__Output } from '../../../proto/generated/externalscaler/ScaledObjectRef.ts'
import { QueueError } from '../../../queue/domain/errors.ts'
import { knownTier, readScalingTarget } from '../../../queue/use-cases/scaling-target.ts'
import type { GatewayDeps } from '../../gateway-deps.ts'
import { type Service, serverStream, unary } from '../method.ts'
import { pause } from '../pause.ts'

/** How often a stream looks; something is decided each 5 s. */
const lookMs = 1000

/**
 * `externalscaler.ExternalScaler`, by which KEDA asks how many pods a workload should have. The metric is the number of nodes that was decided for a tier
 * with a target of 1 for each pod, so that the autoscaler's arithmetic gives that number again. Where there is no such number the answer is an error, never 0: KEDA
 * and the HPA then leave what there is.
 */
export function externalScaler(deps: Pick<GatewayDeps, 'queue' | 'scalingPolicies'>): Service {
  const target = (tier: string): Promise<number> => readScalingTarget(deps.queue, deps.scalingPolicies, tier)
  const tierOf = (ref: ScaledObjectRef__Output | null): string => knownTier(deps.queue, readTier(ref))

  return {
    name: 'externalscaler.ExternalScaler',
    methods: {
      IsActive: unary<ScaledObjectRef__Output, IsActiveResponse>({
        access: 'anyone',
        handle: async (_call, ref) => ({ result: (await target(tierOf(ref))) > 0 }),
      }),
      StreamIsActive: serverStream<ScaledObjectRef__Output, IsActiveResponse>({
        access: 'anyone',
        async handle(call, ref, send) {
          const tier = tierOf(ref)
          let told: boolean | undefined
          while (!call.gone().aborted) {
            const nodes = await target(tier).catch(unknown)
            if (nodes !== undefined && nodes > 0 !== told) {
              told = nodes > 0
              await send({ result: told })
            }
            await pause(lookMs, call.gone())
          }
        },
      }),
      GetMetricSpec: unary<ScaledObjectRef__Output, GetMetricSpecResponse>({
        access: 'anyone',
        handle: (_call, ref) =>
          Promise.resolve({
            metricSpecs: [{ metricName: metricOf(tierOf(ref)), targetSize: 1, targetSizeFloat: 1 }],
          }),
      }),
      GetMetrics: unary<GetMetricsRequest__Output, GetMetricsResponse>({
        access: 'anyone',
        async handle(_call, { scaledObjectRef, metricName }) {
          const tier = tierOf(scaledObjectRef)
          if (metricName !== metricOf(tier)) throw invalid('metricName', `must be ${metricOf(tier)}`)
          const nodes = await target(tier)
          return { metricValues: [{ metricName, metricValue: nodes, metricValueFloat: nodes }] }
        },
      }),
    },
  }
}

const metricOf = (tier: string): string => `noodle-nodes-${tier}`

function readTier(ref: ScaledObjectRef__Output | null): string {
  const tier = ref?.scalerMetadata['tier']
  if (tier) return tier
  throw invalid('scalerMetadata.tier', 'must name the tier that the workload belongs to')
}

const invalid = (path: string, message: string): QueueError =>
  new QueueError('INVALID_REQUEST', `${path} ${message}.`, { fields: [{ path, message }] })

/** While a number is not known what was told stays. */
function unknown(error: unknown): undefined {
  if (!(error instanceof QueueError)) throw error
}
