import { QueueError } from '../../queue/domain/errors.ts'
import type { JobSpec, Json } from '../../queue/domain/job.ts'
import { routeToTier } from '../../queue/domain/tiers.ts'
import { offersOf } from '../../queue/use-cases/catalogue.ts'
import type { CacheRequest } from '../../queue/use-cases/answer-from-cache.ts'
import { toCacheRequest } from '../../queue/use-cases/check-cache.ts'
import { checkTask } from '../../queue/use-cases/check-task.ts'
import { fieldsNotYet, type JobSubmission } from '../contract/job-shapes.ts'
import type { GatewayDeps } from '../gateway-deps.ts'

/** Refuses fields whose time has not come, before the schema calls them unknown. @throws NOT_YET_SUPPORTED */
export function refuseFieldsNotYet(json: unknown): void {
  if (typeof json !== 'object' || json === null) return
  const field = fieldsNotYet.find((name) => Object.hasOwn(json, name))
  if (field) {
    throw new QueueError(
      'NOT_YET_SUPPORTED',
      `${field} is not part of this version of Noodle; leave it out.`,
      { fields: [{ path: field, message: 'is not supported yet' }] },
    )
  }
}

/** What holds where neither the submission nor its task says anything. */
const usual = {
  priority: 5,
  timeoutMs: 3_600_000,
  retry: { maxAttempts: 3, backoffMs: 1000, strategy: 'exponential', escalateTier: false },
} as const

/** How a gateway checks submissions. */
export const checkOptions = (deps: GatewayDeps) => ({
  checkPayload: deps.checkPayload,
  isStrict: deps.config.STRICT_TASKS,
})

/**
 * Finds the tier of a checked submission and holds its task and payload against the catalogue. The warnings say what keeps it from running now.
 * @throws NO_TIER_FITS, TASK_UNKNOWN, PAYLOAD_MISFIT, TASK_NOT_DETERMINISTIC
 */
export async function toSpec(
  deps: GatewayDeps,
  body: JobSubmission,
): Promise<{ spec: JobSpec; cache: CacheRequest | null; warnings: string[] }> {
  const catalogue = await deps.catalogue()
  const defaults = offersOf(catalogue, body.task).at(-1)?.defaults ?? {}
  // Who says anything about where a job runs says all of it.
  const isSilent = body.resources === undefined && body.requirement === undefined
  const declared = isSilent ? defaults.resources : body.resources
  const tier = routeToTier(deps.queue.tiers, {
    requirement: body.requirement,
    resources: declared && present(declared),
  })
  const needed = isSilent ? deps.taskNeeds.of(body.task, tier, present(declared)) : null
  const { cpu, memoryMb, gpu } = needed ?? declared ?? {}
  const payload = (body.payload ?? null) as Json
  const asked = {
    ...{ task: body.task, payload, tier: tier.name },
    // 0: a slot's share of its node. By its requirement alone it asks for the GPUs of a node of the tier; by resources for what they name.
    resources: { cpu: cpu ?? 0, memoryMb: memoryMb ?? 0, gpu: gpu ?? (body.requirement ? tier.gpu : 0) },
  }
  const resourcesFrom = !isSilent ? 'job' : needed ? 'use' : declared ? 'task' : 'nobody'
  const warnings = checkTask(catalogue, asked, checkOptions(deps))
  const keptSeconds = deps.config.CACHE_REDIS_SECONDS
  if (body.cache && body.cache.ttlSeconds > keptSeconds)
    warnings.push(`Results are kept for ${String(keptSeconds)} s only (CACHE_REDIS_SECONDS).`)
  return {
    spec: {
      ...asked,
      resourcesFrom,
      priority: body.priority ?? defaults.priority ?? usual.priority,
      runAt: body.runAt ?? null,
      delayMs: body.delayMs ?? 0,
      timeoutMs: body.timeoutMs ?? defaults.timeoutMs ?? usual.timeoutMs,
      expiresAt: body.expiresAt ?? null,
      retry: { ...usual.retry, ...defaults.retry, ...present(body.retry) },
      labels: body.labels,
      replayOf: null,
    },
    cache: body.cache ? toCacheRequest(catalogue, asked, body.cache) : null,
    warnings,
  }
}

/** Without the fields that are undefined: they would hide those of a task. */
function present<T extends object>(fields: T | undefined): { [K in keyof T]?: Exclude<T[K], undefined> } {
  if (!fields) return {}
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as {
    [K in keyof T]?: Exclude<T[K], undefined>
  }
}
