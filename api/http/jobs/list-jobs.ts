import { z } from 'zod'
import { jobStates } from '../../../queue/domain/job-state.ts'
import { canonicalTier } from '../../../queue/domain/tiers.ts'
import { tenantScope } from '../../../queue/domain/user.ts'
import { QueueError } from '../../../queue/domain/errors.ts'
import { jobView } from '../../contract/job-shapes.ts'
import { pageOf, pageQuery, readCursor, toPage } from '../../contract/page-shapes.ts'
import type { GatewayDeps } from '../../gateway-deps.ts'
import { actorOf, route } from '../route.ts'
import { toJobView } from './job-view.ts'

const several = (text: string): string[] => text.split(',').map((part) => part.trim())
const instant = z.iso
  .datetime({ offset: true, message: 'must be a time such as 2026-11-23T15:00:00Z' })
  .transform((text) => new Date(text))
const labelPair = z.string().regex(/^[^:]{1,63}:/, 'must be key:value')
const noNul = z
  .string()
  .max(200)
  .refine((text) => !text.includes('\0'), 'must not hold a NUL character')

const query = z.strictObject({
  ...pageQuery,
  state: z
    .string()
    .transform(several)
    .pipe(z.array(z.enum(jobStates)))
    .optional()
    .describe('One or more states, comma-separated.'),
  task: noNul.transform(several).optional().describe('One or more tasks, comma-separated.'),
  tier: noNul.transform(several).optional().describe('One or more tiers, comma-separated.'),
  label: z
    .union([labelPair, z.array(labelPair).max(32)])
    .optional()
    .describe('`key:value`; several times for several labels, which must all be there.'),
  createdAfter: instant.optional(),
  createdBefore: instant.optional(),
  q: noNul
    .min(1)
    .optional()
    .describe(
      'Text in payload, error or labels, in any case; not in payloads that are kept as blobs. Reads job by job, newest first: narrow it by the other filters.',
    ),
  tenant: noNul.optional().describe('For admins, who see all tenants.'),
  workflowId: z.string().optional().describe('Not part of this version.'),
})

export const listJobsRoute = (deps: GatewayDeps) =>
  route({
    method: 'get',
    path: '/v1/jobs',
    access: 'read',
    tag: 'Jobs',
    summary: 'List jobs, newest first',
    description:
      'Without payloads and results that are kept as blobs; `payloadRef` and `resultRef` have links to them.',
    query,
    responses: { 200: { description: 'A page of jobs', schema: pageOf(jobView) } },
    async handle(call) {
      const { limit, cursor, state, task, tier, label, createdAfter, createdBefore, q, tenant, workflowId } =
        call.query
      if (workflowId !== undefined) {
        throw new QueueError(
          'NOT_YET_SUPPORTED',
          'workflowId is not part of this version of Noodle; leave it out.',
          { fields: [{ path: 'workflowId', message: 'is not supported yet' }] },
        )
      }
      const filter = {
        tenant: tenantScope(actorOf(call)) ?? tenant,
        states: state,
        tasks: task,
        tiers: tier?.map(canonicalTier),
        labels: label === undefined ? undefined : toLabels(label),
        createdAfter,
        createdBefore,
        text: q,
      }
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

function toLabels(label: string | string[]): Record<string, string> {
  return Object.fromEntries(
    [label].flat().map((pair) => [pair.slice(0, pair.indexOf(':')), pair.slice(pair.indexOf(':') + 1)]),
  )
}
