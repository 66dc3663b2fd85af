import { z } from 'zod'
import { parseNetworkRule } from '../network-rules.ts'
import { flag, integer, list } from './kinds.ts'

const networkRule = z.string().superRefine((text, context) => {
  try {
    if (text !== 'none') parseNetworkRule(text)
  } catch (error) {
    context.addIssue(error instanceof Error ? error.message : String(error))
  }
})

/** The options of the tasks that a worker offers. */
export const taskOptions = {
  TASK_COMMAND_ALLOW: list
    .default([])
    .describe(
      'Programs that `command` jobs may start, comma-separated, by name or absolute path; none by default.',
    ),
  TASK_HTTP_ALLOW: list
    .pipe(z.array(networkRule))
    .default(['public'])
    .describe(
      'What `http` jobs may call, comma-separated: `public` (public addresses, at the ports 80, 443, 8080 and 8443), names of hosts, addresses and networks, each with an optional port (docs/tasks.md). `none` offers no such task.',
    ),
  TASK_HTTP_BODY_BYTES: integer(1024, 16_777_216)
    .default(262_144)
    .describe('How much of the body of an answer an `http` job keeps, from its begin.')
    .meta({ unit: 'bytes' }),
  TASK_FFI_ALLOW: list
    .pipe(
      z.array(
        z
          .string()
          .regex(
            /^[^=]+(=sha256:[0-9a-f]{64})?$/,
            'must be a library, or a library=sha256:… of 64 hexadecimal digits',
          ),
      ),
    )
    .default([])
    .describe(
      'C libraries whose functions may be tasks, comma-separated, by name or absolute path, each with an optional `=sha256:…` that the file must have; none by default.',
    ),
  TASK_USER: z
    .string()
    .regex(/^[A-Za-z0-9_][A-Za-z0-9_.-]{0,63}$/, 'must be the name or the number of a user')
    .optional()
    .describe(
      'The user that the programs of jobs run as, by name or number, so that they can neither read nor signal the worker, which must be root then; by default the user of the worker.',
    ),
  TASK_CONTAINER_IMAGES: list
    .default([])
    .describe(
      'Images that `container` jobs may use, comma-separated: `python:3.13`, `python@sha256:…`, `python` for all of its tags, `registry.example/team/*` for all below, or the id `sha256:…` of an image. None by default: then the worker does not offer the task.',
    ),
  TASK_CONTAINER_ENGINE: z
    .string()
    .regex(/^(unix:\/\/\/.+|tcp:\/\/[^/:]+:\d+)$/, 'must be unix:///path or tcp://host:port')
    .default('unix:///var/run/docker.sock')
    .describe(
      'Where the container engine listens, with the API of Docker Engine: `unix:///path`, or `tcp://host:port` without TLS. Who reaches it owns its machine.',
    ),
  TASK_CONTAINER_NETWORKS: list
    .pipe(
      z.array(
        z
          .string()
          .regex(/^[A-Za-z0-9][A-Za-z0-9_.-]{0,127}$/, 'must be the name of a network')
          .refine(
            (name) => name !== 'host',
            'can not be host: a container would have the network of its machine',
          ),
      ),
    )
    .default([])
    .describe(
      "Networks of the engine that `container` jobs may name, comma-separated, such as bridge. None by default: then no job's container has a network.",
    ),
  TASK_CONTAINER_PULL: flag
    .default(false)
    .describe(
      'true lets the engine fetch images that it does not have, as far as its registry needs no login.',
    ),
  TASK_CONTAINER_USER: z
    .string()
    .regex(/^(\d+:\d+|image)$/, 'must be uid:gid in numbers, or image')
    .default('65534:65534')
    .describe('The user that containers run as, `uid:gid` in numbers; `image` takes what the image says.'),
  TASKS_DIR: list
    .default([])
    .describe(
      'Folders with tasks of your own (docs/tasks.md), comma-separated: `*.task.ts`, `*.task.js`, `*.task.py`, `*.task.json`. Read at the start of a worker.',
    ),
  TASK_PYTHON: z
    .string()
    .default('python3')
    .describe('The interpreter of Python tasks: a name, a path, or the folder of a virtual environment.'),
  TASK_WARM_PROCESSES: integer(0, 1000)
    .default(4)
    .describe('Idle processes of module tasks that a worker keeps for the next run, over all of its tasks.')
    .meta({ unit: 'processes' }),
  TASK_WARM_SECONDS: integer(1, 86_400)
    .default(60)
    .describe('How long an idle process of a module task is kept.')
    .meta({ unit: 's' }),
}
