import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from '@jest/globals'
import type { Json } from '../../../queue/domain/job.ts'
import { waitFor } from '../../support/wait-for.ts'
import { isAlive, readPid } from '../a-run.ts'
import { openTasks } from './a-tasks-folder.ts'

/** A task that does what its payload says, and tells its process. */
const pliable = `
import { writeFileSync } from 'node:fs'
import { spawn } from 'node:child_process'
import { defineTask, PermanentFailure } from 'noodle/task'
import { z } from 'zod'

interface Context { note: string }

export default defineTask({
  name: 'pliable',
  version: '3',
  description: 'Does as it is told.',
  input: z.strictObject({ do: z.string(), file: z.string().default('') }),
  output: z.object({ pid: z.number(), note: z.string().optional() }),
  defaults: { timeoutMs: 5000, retry: { maxAttempts: 2 } },
  async run(ctx) {
    const pid = process.pid
    if (ctx.input.file) writeFileSync(ctx.input.file, String(pid))
    switch (ctx.input.do) {
      case 'tell': {
        const context: Context = { note: \`\${ctx.attempt} \${JSON.stringify(ctx.lastCheckpoint)} \${process.cwd() === ctx.scratch}\` }
        ctx.progress(30, 'a third')
        ctx.log('hello')
        console.log('printed')
        await ctx.checkpoint({ step: 1 })
        return { pid, ...context }
      }
      case 'throw': throw new Error('not this time')
      case 'give up': throw new PermanentFailure('never')
      case 'misfit': return { pid: 'none' as never }
      case 'crash': process.kill(pid, 'SIGSEGV'); await new Promise(() => setTimeout(() => {}, 60_000)); break
      case 'exit': process.exit(7); break
      case 'spin': for (;;) {}
      case 'wait': await new Promise((resolve) => ctx.signal.addEventListener('abort', resolve)); ctx.log('stopped'); break
      case 'leave a process': spawn('sleep', ['300'], { detached: true, stdio: 'ignore' }).unref()
    }
    return { pid }
  },
})
`
const open = (settings: Parameters<typeof openTasks>[1] = {}) =>
  openTasks({ 'pliable.task.ts': pliable }, settings)

const pidOf = (result: Json): number => (result as { pid: number }).pid

test('a module is published with its version, its schemas and its defaults', async () => {
  const { tasks, liveGroups } = await open()
  expect(tasks.map(({ offer }) => offer)).toEqual([
    {
      name: 'pliable',
      version: '3',
      description: 'Does as it is told.',
      kind: 'module',
      defaults: { timeoutMs: 5000, retry: { maxAttempts: 2 } },
      payloadSchema: expect.objectContaining({ required: ['do'], additionalProperties: false }),
      resultSchema: expect.objectContaining({ required: ['pid'] }),
    },
  ])
  expect(liveGroups()).toEqual([])
})

test('a module has its context: progress, log, checkpoints, a folder of its own', async () => {
  const { begin, scratchLeft } = await open()
  const { ended, seen } = begin('pliable', { do: 'tell' }, { attempt: 2, lastCheckpoint: [9] })
  expect(await ended).toMatchObject({ note: '2 [9] true' })
  expect(seen).toMatchObject({
    progress: [[30, 'a third']],
    log: ['hello'],
    stdout: 'printed\n',
    checkpoints: [{ step: 1 }],
    usage: { cpuMs: expect.any(Number), maxRssBytes: expect.any(Number) },
  })
  expect(scratchLeft()).toEqual([])
})

test('a process that served well serves the next run; one that failed, or left something running, does not', async () => {
  const { begin, liveGroups } = await open()
  const first = pidOf(await begin('pliable', { do: 'nothing' }).ended)
  expect(pidOf(await begin('pliable', { do: 'nothing' }).ended)).toBe(first)
  await expect(begin('pliable', { do: 'throw' }).ended).rejects.toThrow('not this time')
  expect(isAlive(first)).toBe(false)
  const second = pidOf(await begin('pliable', { do: 'leave a process' }).ended)
  expect(second).not.toBe(first)
  expect(liveGroups()).toEqual([])
})

test('no more idle processes are kept than allowed', async () => {
  const { begin, liveGroups } = await open({ mostWarm: 1 })
  await Promise.all([1, 2, 3].map(() => begin('pliable', { do: 'nothing' }).ended))
  await waitFor(() => liveGroups().length === 1)
})

test.each([
  ['give up', 'PermanentFailure', 'TASK_ERROR', 'never'],
  ['throw', 'TaskFailure', 'TASK_ERROR', 'not this time'],
  ['misfit', 'PermanentFailure', 'RESULT_INVALID', 'The result does not fit: pid: '],
  ['crash', 'TaskFailure', 'SIGNAL', 'The process of the task pliable was ended by SIGSEGV'],
  ['exit', 'TaskFailure', 'EXIT_CODE', 'The process of the task pliable ended with exit code 7'],
])('a run that ends by %s is a %s with the code %s', async (what, name, code, message) => {
  const { begin, liveGroups } = await open()
  await expect(begin('pliable', { do: what }).ended).rejects.toMatchObject({
    name,
    code,
    message: expect.stringContaining(message),
  })
  expect(liveGroups()).toEqual([])
})

test('a payload that does not fit is refused in the process, should it ever come there', async () => {
  const { begin } = await open()
  await expect(begin('pliable', { do: 5, extra: 1 }).ended).rejects.toMatchObject({
    name: 'PermanentFailure',
    code: 'PAYLOAD_MISFIT',
    message: expect.stringMatching(/do: .*extra/),
  })
})

test('a module that spins is killed after its grace, and one that listens ends by itself', async () => {
  const { begin, folder, liveGroups } = await open()
  for (const what of ['spin', 'wait']) {
    const file = join(folder, what)
    const { ended, seen, stop } = begin('pliable', { do: what, file })
    const pid = await readPid(file)
    stop({ reason: 'cancelled', killGraceMs: what === 'spin' ? 50 : 30_000 })
    await Promise.allSettled([ended])
    expect(isAlive(pid)).toBe(false)
    expect(seen.log).toEqual(what === 'spin' ? [] : ['stopped'])
  }
  expect(liveGroups()).toEqual([])
})

test('an idle process that dies is not given a run', async () => {
  const { begin, liveGroups } = await open()
  const first = pidOf(await begin('pliable', { do: 'nothing' }).ended)
  process.kill(first, 'SIGKILL')
  await waitFor(() => liveGroups().length === 0)
  expect(pidOf(await begin('pliable', { do: 'nothing' }).ended)).not.toBe(first)
})

test('a module that breaks after it was read fails its runs and nothing else', async () => {
  const { begin, folder } = await open()
  const file = join(folder, 'pliable.task.ts')
  writeFileSync(file, 'throw new Error("a typo")')
  await expect(begin('pliable', { do: 'nothing' }).ended).rejects.toThrow('a typo')
  writeFileSync(file, pliable)
  expect(readFileSync(file, 'utf8')).toBe(pliable)
  expect(pidOf(await begin('pliable', { do: 'nothing' }).ended)).toBeGreaterThan(0)
})

test('a process that has had secrets of a tenant is kept for that tenant only', async () => {
  const { begin } = await openTasks({
    'keyed.task.mjs': `
      export default {
        name: 'keyed',
        secrets: ['token'],
        run: ({ secrets }) => ({ pid: process.pid, token: secrets.get('token').length }),
      }`,
  })
  const runOf = async (tenant: string, token: string) =>
    (await begin('keyed', null, { tenant, secrets: { token } }).ended) as { pid: number; token: number }
  const first = await runOf('a', 'four')
  expect(first.token).toBe(4)
  const other = await runOf('b', 'other')
  expect(other).toEqual({ pid: expect.any(Number), token: 5 })
  expect(other.pid).not.toBe(first.pid)
  expect(await runOf('a', 'longer')).toEqual({ pid: first.pid, token: 6 })
})
