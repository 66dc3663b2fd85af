import { randomUUID } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from '@jest/globals'
import { containerTest, useTestImage } from '../../support/container-test.ts'
import { openContainers } from './a-container.ts'
import { openTasks } from './a-tasks-folder.ts'

const image = useTestImage()

const aManifest = (container: Record<string, unknown>, more: Record<string, unknown> = {}) => ({
  'boxed.task.json': JSON.stringify({ name: 'boxed', container: { image, ...container }, ...more }),
})

containerTest(
  'a manifest makes a task of an image that no list allows: JSON comes to stdin, the last line is the result, the rest the log',
  async () => {
    const { containers } = openContainers({ allow: [] })
    const script = 'echo reading; read -r input; echo "{\\"got\\":$input,\\"greeting\\":\\"$GREETING\\"}"'
    const { tasks, begin } = await openTasks(
      aManifest({ argv: ['sh', '-c', script], env: { GREETING: 'hi' } }, { input: { type: 'object' } }),
      { containers },
    )
    expect(tasks[0]?.offer).toMatchObject({
      name: 'boxed',
      kind: 'container',
      payloadSchema: { type: 'object' },
    })
    const { ended, seen } = begin('boxed', { a: 'ü' }, { id: randomUUID() })
    expect(await ended).toEqual({ got: { a: 'ü' }, greeting: 'hi' })
    expect(seen.stdout).toBe('reading\n{"got":{"a":"ü"},"greeting":"hi"}\n')
  },
)

containerTest('the manifest of docs/tasks.md runs as it stands there, but for its image', async () => {
  const page = readFileSync(join(import.meta.dirname, '../../../docs/tasks.md'), 'utf8')
  const [, text = ''] = /^```json\n(\{[^`]*"container"[^`]*)^```$/m.exec(page) ?? []
  const { containers } = openContainers({ allow: [] })
  const { begin } = await openTasks(
    { 'shout.task.json': text.replace('busybox:1.37', image) },
    { containers },
  )
  expect(await begin('shout', 'hello', { id: randomUUID() }).ended).toBe('HELLO')
})

/** The answer of a container that writes this. */
async function resultOf(
  stdout: string | ((stdin: string) => string),
  more: Record<string, unknown> = {},
): Promise<unknown> {
  const { begin } = await openTasks(aManifest({}, more), {
    containers: {
      run({ stdin = '', onStdout }) {
        onStdout(Buffer.from(typeof stdout === 'string' ? stdout : stdout(stdin)))
        const end = {
          exitCode: 0,
          signal: null,
          stopped: null,
          outOfMemoryMb: null,
          scratchFull: null,
          usage: {},
        }
        return Promise.resolve({ ...end, imageId: 'sha256:any' })
      },
      killAll() {},
    },
  })
  return begin('boxed').ended
}

test('the last line is a result only as JSON that fits', async () => {
  expect(await resultOf('')).toBeNull()
  expect(await resultOf('x\n[1]\n\n')).toEqual([1])
  expect(await resultOf(`${'x'.repeat(100_000)}\n"y"`)).toBe('y')
  await expect(resultOf('done')).rejects.toMatchObject({ code: 'RESULT_INVALID', name: 'PermanentFailure' })
  await expect(resultOf('1', { output: { type: 'string' } })).rejects.toMatchObject({
    code: 'RESULT_INVALID',
  })
  await expect(resultOf(`"${'x'.repeat(100_000)}"`)).rejects.toMatchObject({ code: 'RESULT_TOO_LARGE' })
})

test('the payload is the first line, and what the manifest declares of secrets the second', async () => {
  expect(await resultOf((stdin) => JSON.stringify(stdin))).toBe('null\n')
  expect(await resultOf((stdin) => JSON.stringify(stdin), { secrets: ['TOKEN'] })).toBe('null\n{}\n')
})

test.each([
  ['run beside container', { run: ['sh'] }, 'run: stands beside `container`: a task has one of them'],
  ['env beside container', { env: {} }, 'env: belongs into `container`'],
  ['a limit of silence', { defaults: { silenceMs: 1000 } }, 'defaults.silenceMs: needs the line protocol'],
  ['a field that there is not', { container: { image, privileged: true } }, 'privileged'],
  ['no image', { container: {} }, 'container.image'],
])('a manifest with %s is left out and told', async (_, more, reason) => {
  const { tasks, told } = await openTasks(aManifest({}, more))
  expect(tasks).toEqual([])
  expect(told.join()).toContain(reason)
})
