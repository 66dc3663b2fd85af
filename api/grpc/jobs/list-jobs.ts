import type { Job as JobMessage } from '../../../proto/generated/noodle/v1/Job.ts'
import type { ListRequest__Output } from '../../../proto/generated/noodle/v1/ListRequest.ts'
import type { ListResponse } from '../../../proto/generated/noodle/v1/ListResponse.ts'
import { jobQuery, toJobFilter } from '../../contract/job-query.ts'
import { readCursor, toPage } from '../../contract/page-shapes.ts'
import { validate } from '../../contract/validate.ts'
import type { GatewayDeps } from '../../gateway-deps.ts'
import { actorOf, unary } from '../method.ts'
import { toJobMessage } from './job-message.ts'
import { readInstant, wordOf } from './read-submission.ts'

/** About what a job takes without payload, result and labels. */
const jobBytes = 1000

export const listJobsMethod = (deps: GatewayDeps) =>
  unary<ListRequest__Output, ListResponse>({
    access: 'read',
    async handle(call, request) {
      const asked = validate(jobQuery, toQuery(request), 'The message')
      const filter = toJobFilter(actorOf(call), asked)
      const jobs = await deps.queue.jobs.list(filter, {
        limit: asked.limit + 1,
        before: readCursor(asked.cursor),
      })
      const messages = jobs.map((job) => toJobMessage(job, deps.links))
      const fitting = countFitting(messages, deps.config.GRPC_MESSAGE_LIMIT_BYTES)
      const { items, nextCursor } = toPage(
        messages,
        Math.min(asked.limit, fitting),
        ({ id = '' }) => id,
        (message) => message,
      )
      return { items, nextCursor: nextCursor ?? '' }
    },
  })

/** As the query of `GET /v1/jobs`, so that the same shape judges both. */
function toQuery(request: ListRequest__Output): Record<string, unknown> {
  const listed = (values: readonly (string | number)[]): string | undefined =>
    values.length === 0 ? undefined : values.join(',')
  const labels = Object.entries(request.label).map(([key, value]) => `${key}:${value}`)
  const query = {
    limit: request.limit === undefined ? undefined : String(request.limit),
    cursor: request.cursor || undefined,
    state: listed(request.state.map((state) => wordOf(state, 'JOB_STATE_') ?? 'unspecified')),
    task: listed(request.task),
    tier: listed(request.tier),
    label: labels.length === 0 ? undefined : labels,
    createdAfter: readInstant(request.createdAfter, 'createdAfter'),
    createdBefore: readInstant(request.createdBefore, 'createdBefore'),
    q: request.q || undefined,
    tenant: request.tenant || undefined,
  }
  return Object.fromEntries(Object.entries(query).filter(([, value]) => value !== undefined))
}

/** How many of them a message holds; at least one. */
function countFitting(jobs: readonly JobMessage[], limitBytes: number): number {
  let left = limitBytes
  const tooMany = jobs.findIndex((job) => {
    left -= jobBytes + sizeOf(job.payloadJson) + sizeOf(job.resultJson) + JSON.stringify(job.labels).length
    return left < 0
  })
  return tooMany === -1 ? jobs.length : Math.max(1, tooMany)
}

const sizeOf = (bytes: JobMessage['payloadJson']): number => bytes?.length ?? 0
