import { QueueError } from '../../../queue/domain/errors.ts'
import { refuseWhenCrowded, submitJob } from '../../../queue/use-cases/submit-jobs.ts'
import { submitBody } from '../../contract/job-shapes.ts'
import { validate } from '../../contract/validate.ts'
import type { GatewayDeps } from '../../gateway-deps.ts'
import { takeJobs } from '../../limits/take-jobs.ts'
import { toSpec } from '../../submission/to-spec.ts'
import { actorOf, unary } from '../method.ts'
import { answerSubmitted, readWaitSeconds } from './answer-submitted.ts'
import type { AnswerWriter, SubmitAnswer } from './answer-writer.ts'
import { readKey } from './read-key.ts'
import { readSubmission } from './read-submission.ts'
import type { SubmissionReader, SubmitMessage } from './submission-reader.ts'

export const submitJobMethod = (deps: GatewayDeps, reader: SubmissionReader, answers: AnswerWriter) =>
  unary<SubmitMessage, SubmitAnswer>({
    access: 'write',
    read: reader.request,
    write: answers.submitted,
    admit: () => refuseWhenCrowded(deps.queue),
    async handle(call, request) {
      const waitSeconds = readWaitSeconds(request.waitSeconds)
      const { idempotencyKey, ...json } = readSubmission(requireJob(request), deps.config.PAYLOAD_LIMIT_BYTES)
      const body = validate(submitBody, json, 'The job')
      const idempotency = readKey(call, idempotencyKey as string | undefined, 'POST /v1/jobs', json)
      const { spec, cache, warnings } = await toSpec(deps, body)
      takeJobs(deps, actorOf(call), 1)
      const submitted = await submitJob(deps.queue, actorOf(call), { spec, idempotency, cache })
      return answerSubmitted(deps, call, { ...submitted, warnings }, waitSeconds)
    },
  })

function requireJob({ job }: SubmitMessage) {
  if (job) return job
  throw new QueueError('INVALID_REQUEST', 'The message holds no job.', {
    fields: [{ path: 'job', message: 'is missing' }],
  })
}
