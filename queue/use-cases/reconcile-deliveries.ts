import { deliver } from './dispatch-jobs.ts'
import { suspectFrom } from '../domain/job-state.ts'
import type { SentJob } from '../store/jobs/dispatch.ts'
import type { QueueDeps } from './queue-deps.ts'

const roundSize = 500

/**
 * R1: queued jobs whose delivery is to be found in BullMQ no more get a new one, with a number and a UUID of its own; those whose delivery still waits
 * are left alone for another while. Answers with how many were delivered again.
 */
export async function reconcileDeliveries(
  deps: Pick<QueueDeps, 'jobs' | 'deliveries' | 'signals' | 'tiers' | 'settings' | 'metrics' | 'log'>,
  olderThanMs = deps.settings.deliveryLookupMs,
): Promise<number> {
  let redelivered = 0
  for (const { name: tier } of deps.tiers) {
    const stale = await deps.jobs.findStaleDeliveries({ tier, olderThanMs, limit: roundSize })
    redelivered += await redeliver(deps, tier, stale)
  }
  return redelivered
}

/** A delivery is on its way for less than this; one that is not there then was never sent: whoever queued the job died, or Redis did not hear. */
const unsentAfterMs = 1000
/** Each is looked up a few times, by a tick a second. */
const unsentUntilMs = 4000

/** R1 for the young: jobs that were queued a moment ago and whose delivery never arrived get a new one. Answers with how many. */
export async function redeliverUnsent(
  deps: Pick<QueueDeps, 'jobs' | 'deliveries' | 'signals' | 'tiers' | 'settings' | 'metrics' | 'log'>,
): Promise<number> {
  let redelivered = 0
  const age = { olderThanMs: unsentAfterMs, youngerThanMs: unsentUntilMs }
  for (const { name: tier } of deps.tiers) {
    const jobs = await deps.jobs.findStaleDeliveries({ tier, ...age, limit: roundSize })
    const { lost } = await lookUp(deps, tier, jobs)
    redelivered += await sendAnew(deps, tier, lost)
  }
  return redelivered
}

/** Of these jobs, those whose delivery is gone get a new one; the others are left alone for another while. Answers with how many were delivered again. */
export async function redeliver(
  deps: Pick<QueueDeps, 'jobs' | 'deliveries' | 'signals' | 'settings' | 'metrics' | 'log'>,
  tier: string,
  jobs: readonly SentJob[],
): Promise<number> {
  const { waiting, lost } = await lookUp(deps, tier, jobs)
  if (waiting.length > 0) await deps.jobs.touchDeliveries(waiting.map((job) => job.id))
  return sendAnew(deps, tier, lost)
}

async function lookUp(
  deps: Pick<QueueDeps, 'deliveries'>,
  tier: string,
  jobs: readonly SentJob[],
): Promise<{ waiting: SentJob[]; lost: SentJob[] }> {
  const ids = new Set(jobs.map((job) => job.deliveryId))
  const live = ids.size === 0 ? ids : await deps.deliveries.findLive(tier, [...ids])
  return {
    waiting: jobs.filter((job) => live.has(job.deliveryId)),
    lost: jobs.filter((job) => !live.has(job.deliveryId)),
  }
}

async function sendAnew(
  deps: Pick<QueueDeps, 'jobs' | 'deliveries' | 'signals' | 'settings' | 'metrics' | 'log'>,
  tier: string,
  lost: readonly SentJob[],
): Promise<number> {
  if (lost.length === 0) return 0
  const sent = await deps.jobs.redispatch(lost, suspectFrom(deps.settings.crashLimit))
  if (sent.length === 0) return 0
  await deliver(deps, tier, sent)
  deps.log.warn('lost deliveries sent again', { tier, jobs: sent.length })
  return sent.length
}
