import { z } from 'zod'
import { jobStates } from '../../queue/domain/job-state.ts'
import { canonicalTier } from '../../queue/domain/tiers.ts'
import { type Actor, tenantScope } from '../../queue/domain/user.ts'
import { QueueError } from '../../queue/domain/errors.ts'
import type { JobFilter } from '../../queue/store/jobs/read.ts'
import { pageQuery } from './page-shapes.ts'

const several = (text: string): string[] => text.split(',').map((part) => part.trim())
const instant = z.iso
  .datetime({ offset: true, message: 'must be a time such as 2026-11-23T15:00:00Z' })
  .transform((text) => new Date(text))
const labelPair = z.string().regex(/^[^:]{1,63}:/, 'must be key:value')
const noNul = z
  .string()
  .max(200)
  .refine((text) => !text.includes('\0'), 'must not hold a NUL character')

/** The filters of a list of jobs. */
export const jobQuery = z.strictObject({
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

/** @throws NOT_YET_SUPPORTED */
export function toJobFilter(actor: Actor, asked: z.output<typeof jobQuery>): JobFilter {
  const { state, task, tier, label, createdAfter, createdBefore, q, tenant, workflowId } = asked
  if (workflowId !== undefined) {
    throw new QueueError(
      'NOT_YET_SUPPORTED',
      'workflowId is not part of this version of Noodle; leave it out.',
      { fields: [{ path: 'workflowId', message: 'is not supported yet' }] },
    )
  }
  return {
    tenant: tenantScope(actor) ?? tenant,
    states: state,
    tasks: task,
    tiers: tier?.map(canonicalTier),
    labels: label === undefined ? undefined : toLabels(label),
    createdAfter,
    createdBefore,
    text: q,
  }
}

function toLabels(label: string | string[]): Record<string, string> {
  return Object.fromEntries(
    [label].flat().map((pair) => [pair.slice(0, pair.indexOf(':')), pair.slice(pair.indexOf(':') + 1)]),
  )
}
