import { readJob } from '../../../queue/use-cases/find-job.ts'
import { withBlobs } from '../../../queue/use-cases/show-job.ts'
import { jobView } from '../../contract/job-shapes.ts'
import { idParam } from '../../contract/page-shapes.ts'
import type { GatewayDeps } from '../../gateway-deps.ts'
import { actorOf, route } from '../route.ts'
import { toJobView } from './job-view.ts'

export const getJobRoute = (deps: GatewayDeps) =>
  route({
    method: 'get',
    path: '/v1/jobs/:id',
    access: 'read',
    tag: 'Jobs',
    summary: 'Read a job',
    params: idParam,
    responses: {
      200: { description: 'The job', schema: jobView },
      404: { description: 'No such job, or another tenant’s' },
    },
    async handle(call) {
      const job = await readJob(deps.queue, actorOf(call), call.params.id)
      return { status: 200, body: toJobView(await withBlobs(deps.queue, job), deps.links) }
    },
  })
