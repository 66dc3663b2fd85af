import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { jwtSecret, type Platform } from '../support/platform.ts'
import { environmentOf, grpcPython } from '../support/python-grpc-test.ts'
import { type PythonProgram, pythonExamples, startPython } from '../support/python-program.ts'
import { waitFor } from '../support/wait-for.ts'

const tasks = join(import.meta.dirname, 'worker_tasks.py')

/** Starts a worker that knows the gateway's address and a secret, and no store. */
export function startWorker(
  platform: Platform,
  nodeId: string,
  env: Record<string, string> = {},
  file = tasks,
): PythonProgram {
  if (!grpcPython) throw new Error('The test should have been skipped.')
  return startPython(
    [file],
    {
      ...environmentOf(grpcPython, [pythonExamples]),
      MASTER_HOST: platform.grpcAddress,
      AUTH_JWT_SECRET: jwtSecret,
      NODE_ID: nodeId,
      KILL_GRACE_MS: '300',
      ...env,
    },
    grpcPython.program,
  )
}

/** Resolves when nodes of these names take jobs. */
export async function untilReady(
  platform: Platform,
  nodeIds: string[],
  worker: PythonProgram,
): Promise<void> {
  const token = await platform.token()
  await waitFor(
    async () => {
      const { body } = await platform.call('GET', '/v1/nodes', { token })
      const ready = body.items.filter(({ state }: { state: string }) => state === 'ready')
      return nodeIds.every((nodeId) => ready.some(({ id }: { id: string }) => id === nodeId))
    },
    { timeoutMs: 20_000, what: `the worker to be ready: ${worker.output()}` },
  )
}

/** What the runs wrote into their file, each its first act. */
export const readEffects = (file: string) =>
  readFileSync(file, 'utf8')
    .trimEnd()
    .split('\n')
    .map((line) => line.split(' '))
    .map(([id = '', fence = '', , pid = '', node = '']) => ({ id, fence, pid: Number(pid), node }))
