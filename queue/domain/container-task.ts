import { z } from 'zod'

const noNul = z.string().refine((text) => !text.includes('\0'), 'must not hold a NUL character')
const word = noNul.max(131_072)

/** What a container runs, in the words of a payload or of a manifest. */
const containerFields = {
  image: z
    .string()
    .min(1)
    .max(255)
    .describe('The image: a reference with tag or digest, or the id `sha256:…` of one.'),
  argv: z
    .array(word)
    .max(1000)
    .optional()
    .describe(
      "What the container runs, in place of the image's command; the image's entrypoint reads it, if there is one. No shell does.",
    ),
  entrypoint: z.array(word).min(1).max(100).optional().describe("In place of the image's entrypoint."),
  env: z
    .record(
      z
        .string()
        .regex(/^[A-Za-z_][A-Za-z0-9_]{0,127}$/, 'must be a variable name: letters, digits, underscores'),
      word,
    )
    .optional()
    .describe(
      "Environment variables, besides the image's own, HOME, NOODLE_JOB_ID, NOODLE_ATTEMPT, NOODLE_FENCE and those of its GPUs.",
    ),
  workdir: z
    .string()
    .regex(/^\/[^\0]*$/, 'must be an absolute path')
    .max(4096)
    .optional()
    .describe("The present folder, in place of the image's."),
  network: z
    .string()
    .regex(/^[A-Za-z0-9][A-Za-z0-9_.-]{0,127}$/, 'must be the name of a network')
    .optional()
    .describe(
      'A network of the engine that the node allows (TASK_CONTAINER_NETWORKS); `none` by default: no network.',
    ),
}

export const containerPayload = z.strictObject({
  ...containerFields,
  stdin: z.string().optional().describe('What the container reads.'),
})

/** `container` of a manifest in a tasks folder: its run reads the payload as JSON. */
export const manifestContainer = z.strictObject(containerFields)

export type ContainerPayload = z.output<typeof containerPayload>

export const containerTask = {
  name: 'container',
  version: '1',
  description:
    'Runs a container from an image that the node allows, without privileges. An exit code other than 0 is a failed attempt.',
  payload: containerPayload,
  result: z.object({
    exitCode: z.number().int(),
    stdout: z.string(),
    stderr: z.string(),
    truncated: z.boolean(),
    imageId: z.string().describe('What ran, whatever its tag means by now.'),
  }),
} as const
