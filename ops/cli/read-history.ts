import { silentLogger } from '../../core/logger.ts'
import { readConfig } from '../../core/config.ts'
import { openJobsTable } from '../../queue/store/jobs-table.ts'
import type { Run } from '../../queue/store/jobs/list-runs.ts'
import { openPostgres } from '../../queue/store/postgres.ts'
import { readRuns } from '../../queue/use-cases/read-runs.ts'
import type { Tier } from '../../queue/domain/tiers.ts'
import type { Trace } from '../autoscale/simulate/trace.ts'
import { toWorkload, type WorkloadJob } from '../autoscale/simulate/workload.ts'
import { CliError } from './cli-error.ts'
import { requireDatabaseUrl } from './stores.ts'

/** What ran on the platform lately as a trace, a workload for each tier; of a job that was tried several times each attempt. @throws CliError when nothing ran */
export async function readHistory(hours: number, slotsPerNode: number): Promise<Trace> {
  const { TIERS, STATEMENT_TIMEOUT_MS } = readConfig(['TIERS', 'STATEMENT_TIMEOUT_MS'])
  const postgres = openPostgres({
    databaseUrl: requireDatabaseUrl(),
    poolSize: 1,
    statementTimeoutMs: STATEMENT_TIMEOUT_MS,
    name: 'simulate',
    log: silentLogger,
  })
  try {
    const byTier = new Map<string, WorkloadJob[]>()
    let begin = Infinity
    for await (const run of readRuns({ jobs: openJobsTable(postgres) }, hours)) {
      const tier = TIERS.find(({ name }) => name === run.tier)
      const job = toJob(run, tier, slotsPerNode)
      begin = Math.min(begin, job.at)
      const known = byTier.get(run.tier)
      if (known) known.push(job)
      else byTier.set(run.tier, [job])
    }
    if (byTier.size === 0)
      throw new CliError(
        'No job that was accepted within that time has ended; name a longer one, or give a --trace.',
      )
    return new Map(
      [...byTier].map(([tier, jobs]) => [
        tier,
        toWorkload(jobs.map((job) => ({ ...job, at: job.at - begin }))),
      ]),
    )
  } finally {
    await postgres.close()
  }
}

function toJob(run: Run, tier: Tier | undefined, slotsPerNode: number): WorkloadJob {
  const seconds = (at: Date): number => at.getTime() / 1000
  const readyAt = seconds(run.readyAt)
  return {
    at: readyAt,
    serviceSeconds: Math.max(0, seconds(run.finishedAt) - seconds(run.startedAt)),
    task: run.task,
    slots: slotsFor(run, tier, slotsPerNode),
    ...(run.expiresAt && { deadlineSeconds: Math.max(0, seconds(run.expiresAt) - readyAt) }),
  }
}

/** As much of a node as the job asked for, in slots; one when it asked for nothing. */
function slotsFor(run: Run, tier: Tier | undefined, slotsPerNode: number): number {
  if (!tier) return 1
  const share = Math.max(
    run.cpu / tier.cpu,
    run.memoryMb / tier.memoryMb,
    tier.gpu > 0 ? run.gpu / tier.gpu : 0,
  )
  return Math.min(slotsPerNode, Math.max(1, Math.ceil(share * slotsPerNode - 0.001)))
}
