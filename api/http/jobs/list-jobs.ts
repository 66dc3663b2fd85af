import { jobQuery, toJobFilter } from '../../contract/job-query.ts'
import { jobView } from '../../contract/job-shapes.ts'
import { pageOf, readCursor, toPage } from '../../contract/page-shapes.ts'
import type { GatewayDeps } from '../../gateway-deps.ts'
import { actorOf, route } from '../route.ts'
import { toJobView } from './job-view.ts'

export const listJobsRoute = (deps: GatewayDeps) =>
  route({
    method: 'get',
    path: '/v1/jobs',
    access: 'read',
    tag: 'Jobs',
    summary: 'List jobs, newest first',
    description:
      'Without payloads and results that are kept as blobs; `payloadRef` and `resultRef` have links to them.',
    query: jobQuery,
    responses: { 200: { description: 'A page of jobs', schema: pageOf(jobView) } },
    async handle(call) {
      const { limit, cursor } = call.query
      const filter = toJobFilter(actorOf(call), call.query)
      const jobs = await deps.queue.jobs.list(filter, { limit: limit + 1, before: readCursor(cursor) })
      return {
        status: 200,
        body: toPage(
          jobs,
          limit,
          (job) => job.id,
          (job) => toJobView(job, deps.links),
        ),
      }
    },
  })
