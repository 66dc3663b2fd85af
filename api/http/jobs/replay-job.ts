import { z } from 'zod'
import type { Json } from '../../../queue/domain/job.ts'
import { checkTask } from '../../../queue/use-cases/check-task.ts'
import { replayJob } from '../../../queue/use-cases/replay-job.ts'
import { jobView } from '../../contract/job-shapes.ts'
import { idParam } from '../../contract/page-shapes.ts'
import type { GatewayDeps } from '../../gateway-deps.ts'
import { takeJobs } from '../../limits/take-jobs.ts'
import { actorOf, route } from '../route.ts'
import { readIdempotency } from '../../submission/idempotency.ts'
import { checkOptions } from '../../submission/to-spec.ts'
import { answerSubmitted, readWait, submissionHeaders } from './submit-job.ts'

export const replayJobRoute = (deps: GatewayDeps) =>
  route({
    method: 'post',
    path: '/v1/jobs/:id/replay',
    access: 'write',
    tag: 'Jobs',
    summary: 'Submit an ended job once more',
    description:
      'A new job with `replayOf`, with the same task, tier, limits and labels, and another payload if one is given; the old one stays as it ended.',
    headers: submissionHeaders,
    params: idParam,
    body: z.strictObject({ payload: z.unknown().optional() }),
    isBodyOptional: true,
    takesPayload: true,
    responses: {
      202: { description: 'Accepted', schema: jobView },
      404: { description: 'No such job, or another tenant’s' },
      409: { description: 'It has not ended' },
      422: { description: 'The payload does not fit the task' },
    },
    async handle(call) {
      const { id } = call.params
      const actor = actorOf(call)
      const waitSeconds = readWait(call.header('Prefer'))
      const idempotency = readIdempotency(
        call.header('Idempotency-Key'),
        `POST /v1/jobs/${id}/replay`,
        call.json,
      )
      const catalogue = await deps.catalogue()
      let warnings: string[] = []
      const submitted = await replayJob(deps.queue, actor, id, {
        payload: call.body.payload as Json | undefined,
        idempotency,
        check: (job) => {
          warnings = checkTask(catalogue, job, checkOptions(deps))
          takeJobs(deps, actor, 1)
        },
      })
      return answerSubmitted(deps, call, submitted, { waitSeconds, warnings })
    },
  })
