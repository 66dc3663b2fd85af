import { z } from 'zod'
import { httpDefinition } from './http-task.ts'
import { containerTask } from './container-task.ts'
import type { Json } from './job.ts'

/** A kind of job. Payloads are checked against `payload` at submission, so that a wrong one never becomes a job. */
export interface TaskDefinition {
  name: string
  version: string
  description: string
  payload: z.ZodType
  result: z.ZodType
  /** Equal payloads give equal results. */
  deterministic?: boolean
}

/** What comes as a payload is JSON already: to check it against this one would look into every corner once more. */
export const anyJson: z.ZodType<Json> = z.json()

const noNul = z.string().refine((text) => !text.includes('\0'), 'must not hold a NUL character')

export const sleepPayload = z.strictObject({
  ms: z.number().int().min(0).max(86_400_000).describe('How long, in ms; at most a day.'),
})

export const commandPayload = z.strictObject({
  argv: z
    .array(noNul.max(131_072))
    .min(1)
    .max(1000)
    .refine((argv) => argv[0] !== '', 'must begin with the name of a program')
    .describe('The program, by a name or path that the node allows, and its arguments. No shell reads them.'),
  env: z
    .record(
      z
        .string()
        .regex(/^[A-Za-z_][A-Za-z0-9_]{0,127}$/, 'must be a variable name: letters, digits, underscores'),
      noNul.max(131_072),
    )
    .optional()
    .describe(
      'Environment variables; besides them a program gets PATH, HOME, LANG, NOODLE_JOB_ID, NOODLE_ATTEMPT and NOODLE_FENCE, and the GPUs that are its own in NOODLE_GPUS and CUDA_VISIBLE_DEVICES.',
    ),
  stdin: z.string().optional().describe('What the program reads.'),
})

/** The tasks that come with every worker. */
export const builtinTasks = [
  {
    name: 'echo',
    version: '1',
    description: 'Answers with its payload.',
    payload: anyJson,
    result: anyJson,
    deterministic: true,
  },
  {
    name: 'sleep',
    version: '1',
    description: 'Waits.',
    payload: sleepPayload,
    result: z.object({ sleptMs: z.number() }),
  },
  {
    name: 'command',
    version: '1',
    description: 'Runs a program that the node allows. An exit code other than 0 is a failed attempt.',
    payload: commandPayload,
    result: z.object({
      exitCode: z.number().int().nullable(),
      signal: z.string().optional(),
      stdout: z.string(),
      stderr: z.string(),
      truncated: z.boolean(),
    }),
  },
  httpDefinition,
  containerTask,
] as const satisfies readonly TaskDefinition[]
