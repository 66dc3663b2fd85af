import type { ReplayRequest__Output } from '../../../proto/generated/noodle/v1/ReplayRequest.ts'
import { checkTask } from '../../../queue/use-cases/check-task.ts'
import { replayJob } from '../../../queue/use-cases/replay-job.ts'
import type { GatewayDeps } from '../../gateway-deps.ts'
import { takeJobs } from '../../limits/take-jobs.ts'
import { checkOptions } from '../../submission/to-spec.ts'
import { actorOf, unary } from '../method.ts'
import { answerSubmitted, readWaitSeconds } from './answer-submitted.ts'
import type { AnswerWriter, SubmitAnswer } from './answer-writer.ts'
import { readId } from './read-id.ts'
import { readKey } from './read-key.ts'
import { readPayload } from './read-submission.ts'

export const replayJobMethod = (deps: GatewayDeps, answers: AnswerWriter) =>
  unary<ReplayRequest__Output, SubmitAnswer>({
    access: 'write',
    write: answers.submitted,
    async handle(call, request) {
      const id = readId(request)
      const actor = actorOf(call)
      const waitSeconds = readWaitSeconds(request.waitSeconds)
      const payload = readPayload(request, deps.config.PAYLOAD_LIMIT_BYTES)
      // As the body of the HTTP call would be; one without a payload may have no body.
      const json = payload === undefined ? undefined : { payload }
      const idempotency = readKey(call, request.idempotencyKey, `POST /v1/jobs/${id}/replay`, json)
      const catalogue = await deps.catalogue()
      let warnings: string[] = []
      const submitted = await replayJob(deps.queue, actor, id, {
        payload,
        idempotency,
        check: (job) => {
          warnings = checkTask(catalogue, job, checkOptions(deps))
          takeJobs(deps, actor, 1)
        },
      })
      return answerSubmitted(deps, call, { ...submitted, warnings }, waitSeconds)
    },
  })
