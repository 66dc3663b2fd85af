import { z } from 'zod'
import { cancelJob } from '../../../queue/use-cases/cancel-job.ts'
import { jobView } from '../../contract/job-shapes.ts'
import { idParam } from '../../contract/page-shapes.ts'
import type { GatewayDeps } from '../../gateway-deps.ts'
import { actorOf, route } from '../route.ts'
import { toJobView } from './job-view.ts'

export const cancelJobRoute = (deps: GatewayDeps) =>
  route({
    method: 'post',
    path: '/v1/jobs/:id/cancel',
    access: 'write',
    tag: 'Jobs',
    summary: 'Cancel a job',
    params: idParam,
    body: z.strictObject({}),
    isBodyOptional: true,
    responses: {
      200: { description: 'Cancelled now, or it was already', schema: jobView },
      202: {
        description: 'It runs, and is told to stop; should it end first, it stays as it ended',
        schema: jobView,
      },
      404: { description: 'No such job, or another tenant’s' },
      409: { description: 'It had ended otherwise' },
    },
    async handle(call) {
      const job = await cancelJob(deps.queue, actorOf(call), call.params.id)
      return { status: job.state === 'cancelled' ? 200 : 202, body: toJobView(job, deps.links) }
    },
  })
