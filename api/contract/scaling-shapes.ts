import { z } from 'zod'
import { scalingPolicyFields } from '../../core/options/scaling-options.ts'
import { advise, type TaskUse } from '../../queue/domain/rightsizing.ts'
import type { ScalingPolicy } from '../../queue/domain/scaling/policy.ts'
import type { ScalingDecision, ScalingState } from '../../queue/store/scaling-table.ts'
import { targetOf } from '../../queue/use-cases/scaling-target.ts'

/** Fields to change; null gives one its configured value back. */
export const scalingPolicyBody = z
  .strictObject(
    Object.fromEntries(
      Object.entries(scalingPolicyFields.shape).map(([name, shape]) => [name, shape.nullable()]),
    ) as {
      [K in keyof typeof scalingPolicyFields.shape]: z.ZodNullable<(typeof scalingPolicyFields.shape)[K]>
    },
  )
  .refine((fields) => Object.keys(fields).length > 0, 'must name at least one field of the policy')
  .meta({ id: 'ScalingPolicyChange' })

const inputs = z.record(z.string(), z.unknown()).describe('The figures that it was decided by.')

export const scalingView = z
  .object({
    tier: z.string(),
    policy: scalingPolicyFields.required({
      mode: true,
      min: true,
      max: true,
      targetWaitMs: true,
      cooldownSeconds: true,
      jobsPerNode: true,
      thresholds: true,
      schedules: true,
    }),
    desired: z.number().nullable().describe('Nodes that should be there; null before the first decision.'),
    target: z
      .number()
      .nullable()
      .describe(
        'What somebody who starts and stops nodes should bring about: `desired`; null in the mode dryRun, and when nothing was decided within a minute.',
      ),
    decidedAt: z.iso
      .datetime()
      .nullable()
      .describe('When it was last decided; each few seconds while ops runs.'),
    reason: z.string().nullable(),
    inputs: inputs.nullable(),
    decisions: z
      .array(
        z.object({
          at: z.iso.datetime(),
          from: z.number(),
          to: z.number(),
          mode: z.string(),
          reason: z.string(),
          inputs,
        }),
      )
      .describe('The last changes of what is desired, newest first.'),
  })
  .meta({ id: 'Scaling' })

const need = z.object({ cpu: z.number().nullable(), memoryMb: z.number().nullable() })

export const adviceView = z
  .object({
    task: z.string(),
    jobs: z.number().describe('Succeeded jobs that were looked at: of the newest 50,000 of the platform.'),
    asked: z.object({ cpu: z.number(), memoryMb: z.number(), gpu: z.number() }),
    used: need.describe('What 95 of 100 did not exceed; null when nothing was measured.'),
    verdict: z.enum(['asks too much', 'asks too little', 'fits', 'asks for nothing', 'too few jobs']),
    recommended: need.describe('That and a fifth more.'),
    saving: z
      .object({ cpuSeconds: z.number(), memoryMbSeconds: z.number() })
      .describe('What a job would leave to others; less than 0 is what it takes of them now.'),
  })
  .meta({ id: 'ResourceAdvice' })

export const toAdviceView = (use: TaskUse): z.output<typeof adviceView> => ({
  ...{ task: use.task, jobs: use.jobs, asked: use.asked },
  used: { cpu: use.cpu, memoryMb: use.memoryMb },
  ...advise(use),
})

export function toScalingView(
  tier: string,
  policy: ScalingPolicy,
  state: ScalingState | null,
  decisions: readonly ScalingDecision[],
): object {
  const { override, misfit: _, ...fields } = policy // each decision tells it
  return {
    tier,
    policy: {
      ...fields,
      ...(override && {
        override: { replicas: override.replicas, until: new Date(override.untilMs).toISOString() },
      }),
    },
    desired: state?.desired ?? null,
    target: targetOf(state, policy),
    decidedAt: state?.decidedAt ?? null,
    reason: state?.reason ?? null,
    inputs: state?.inputs ?? null,
    decisions: decisions.map(({ at, from, to, mode, reason, inputs: by }) => ({
      ...{ at, from, to, mode, reason },
      inputs: by,
    })),
  }
}
