import type { Run } from '../store/jobs/list-runs.ts'
import type { JobsTable } from '../store/jobs-table.ts'

/** A statement stays far below its time limit. */
const pageSize = 5000

/** All attempts that have ended of jobs accepted within the last `hours`, page by page, in the order of acceptance. */
export async function* readRuns(
  deps: { jobs: Pick<JobsTable, 'listRuns'> },
  hours: number,
): AsyncGenerator<Run> {
  let after: { jobId: string; attempt: number } | null = null
  for (;;) {
    const page: Run[] = await deps.jobs.listRuns({ hours, after, limit: pageSize })
    yield* page
    const last = page.at(-1)
    if (!last || page.length < pageSize) return
    after = { jobId: last.jobId, attempt: last.attempt }
  }
}
