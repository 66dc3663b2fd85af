import { QueueError } from '../domain/errors.ts'
import type { Job } from '../domain/job.ts'
import { type Actor, tenantScope } from '../domain/user.ts'
import type { QueueDeps } from './queue-deps.ts'

/** @throws JOB_NOT_FOUND, also for a job of another tenant */
export async function findJob(deps: Pick<QueueDeps, 'jobs'>, actor: Actor, id: string): Promise<Job> {
  const job = await deps.jobs.find(id, tenantScope(actor))
  if (!job) throw jobNotFound(id)
  return job
}

/**
 * As findJob; a job that has ended may come from the cache, also for a while after it was pruned.
 * @throws JOB_NOT_FOUND, also for a job of another tenant
 */
export async function readJob(
  deps: Pick<QueueDeps, 'jobs' | 'cache'>,
  actor: Actor,
  id: string,
): Promise<Job> {
  const tenant = tenantScope(actor)
  const job = await deps.cache.readJob(id, tenant, () => deps.jobs.find(id, tenant))
  // Asked again, whoever it comes from.
  if (!job || (tenant !== null && job.tenant !== tenant)) throw jobNotFound(id)
  return job
}

export const jobNotFound = (id: string): QueueError =>
  new QueueError('JOB_NOT_FOUND', `There is no job ${id}.`)
