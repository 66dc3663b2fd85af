import { inflateSync } from 'node:zlib'
import { expect, test } from '@jest/globals'
import { starterTask } from '../../../ops/cli/starter-task.ts'
import { silentLogger } from '../../../core/logger.ts'
import type { Json } from '../../../queue/domain/job.ts'
import { findAllowedLibraries } from '../../../workers/executors/ffi-task.ts'
import { toTaskOffer } from '../../../workers/executors/task-definition.ts'
import { openTasks } from './a-tasks-folder.ts'
import { exampleOf } from '../../support/doc-example.ts'
import { python, pythonTest } from '../../support/python-test.ts'

const zlibTest = findAllowedLibraries(['libz.so.1'], silentLogger).names.length > 0 ? test : test.skip

const counting = {
  progress: [
    [75, 'at 3'],
    [100, 'at 4'],
  ],
}

test('the example of the protocol runs as it stands in docs/worker-protocol.md', async () => {
  const { begin } = await openTasks({
    'count.task.json': exampleOf('worker-protocol.md', 'json'),
    'count.sh': exampleOf('worker-protocol.md', 'sh'),
  })
  const { ended, seen } = begin('count', { to: 4 }, { attempt: 2, lastCheckpoint: { reached: 2 } })
  expect(await ended).toEqual({ counted: 4 })
  expect(seen).toMatchObject({
    ...counting,
    stdout: 'at 3\nat 4\n',
    checkpoints: [{ reached: 3 }, { reached: 4 }],
  })
})

test('the module of docs/tasks.md runs as it stands there', async () => {
  const { begin } = await openTasks({ 'greet.task.ts': exampleOf('tasks.md', 'ts') })
  expect(await begin('greet', { name: 'Ada' }).ended).toEqual({ greeting: 'Hello Ada' })
})

pythonTest('the Python task of docs/tasks.md runs as it stands there (skipped without python3)', async () => {
  const { begin } = await openTasks({ 'count.task.py': exampleOf('tasks.md', 'python') })
  const { ended, seen } = begin('count', { to: 4 }, { attempt: 2, lastCheckpoint: 2 })
  expect(await ended).toEqual({ counted: 4 })
  expect(seen).toMatchObject({ ...counting, checkpoints: [3, 4] })
})

zlibTest('the C function of docs/tasks.md runs as it stands there (skipped without zlib)', async () => {
  const manifest = exampleOf('tasks.md', 'json', 'A function of a C library')
  const { begin } = await openTasks({ 'deflate.task.json': manifest }, { libraries: ['libz.so.1'] })
  const source = Buffer.from('Hello Hello Hello')
  const result = (await begin('deflate', { source: source.toString('base64'), level: 9 }).ended) as Json & {
    dest: string
  }
  const dest = Buffer.from(result.dest, 'base64')
  expect(result).toMatchObject({ returns: 0, destLen: dest.length })
  expect(inflateSync(dest)).toEqual(source)
})

test('the files that noodle tasks new writes run as they are', async () => {
  const { begin } = await openTasks({
    'hello.task.ts': starterTask('hello', 'ts'),
    ...(python !== null && { 'bonjour.task.py': starterTask('bonjour', 'py') }),
  })
  expect(await begin('hello', { name: 'Ada' }).ended).toEqual({ greeting: 'Hello Ada' })
  if (python !== null)
    expect(await begin('bonjour', { name: 'Ada' }).ended).toEqual({ greeting: 'Hello Ada' })
})

test('the defaults of docs/tasks.md are such as a task may have', () => {
  const defaults: unknown = JSON.parse(exampleOf('tasks.md', 'json', 'Defaults'))
  expect(toTaskOffer({ name: 'any', defaults }, 'module').defaults).toEqual(defaults)
})
