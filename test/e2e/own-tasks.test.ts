import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from '@jest/globals'
import { cleanUp } from '../support/clean-up.ts'
import { type Platform, startPlatform } from '../support/platform.ts'
import { waitFor } from '../support/wait-for.ts'
import { pythonTest } from '../support/python-test.ts'

const patience = { timeoutMs: 25_000 }

function aTasksFolder(files: Record<string, string>): string {
  const folder = mkdtempSync(join(tmpdir(), 'noodle-tasks-test-'))
  cleanUp(() => rmSync(folder, { recursive: true, force: true }))
  for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text)
  return folder
}

async function submit(platform: Platform, job: Record<string, unknown>) {
  return platform.call('POST', '/v1/jobs', { token: await platform.token(), body: job })
}

async function read(platform: Platform, id: string) {
  return (await platform.call('GET', `/v1/jobs/${id}`, { token: await platform.token() })).body
}

const resize = `
import { defineTask } from 'noodle/task'
import { z } from 'zod'
import { writeFileSync } from 'node:fs'

export default defineTask({
  name: 'resize',
  input: z.strictObject({ width: z.number().int(), spinFile: z.string().optional() }),
  output: z.object({ pixels: z.number() }),
  run(ctx) {
    ctx.progress(10, 'looking')
    console.log('resizing to', ctx.input.width)
    if (ctx.input.spinFile) {
      writeFileSync(ctx.input.spinFile, String(process.pid))
      for (;;) {}
    }
    return { pixels: ctx.input.width ** 2 }
  },
})
`

test('a module task goes from its file through HTTP to its result; a wrong payload never becomes a job; a spinning one is cancelled', async () => {
  const folder = aTasksFolder({ 'resize.task.ts': resize, 'broken.task.ts': 'export default {' })
  const platform = await startPlatform()
  const worker = await platform.startWorker({ TASKS_DIR: folder, KILL_GRACE_MS: '100' })
  expect(worker.output()).toContain('a task file can not be used')
  const wrong = await submit(platform, { task: 'resize', payload: { width: 1.5 } })
  expect([wrong.status, wrong.body.errors]).toEqual([
    422,
    [{ path: 'payload.width', message: 'must be integer' }],
  ])

  const { body } = await submit(platform, { task: 'resize', payload: { width: 9 } })
  const job = await waitFor(async () => {
    const seen = await read(platform, body.id)
    return seen.state === 'succeeded' && seen
  }, patience)
  expect(job).toMatchObject({ result: { pixels: 81 }, progress: 100, progressNote: 'looking' })

  const spinFile = join(folder, 'spins')
  const spinning = (await submit(platform, { task: 'resize', payload: { width: 1, spinFile } })).body
  await waitFor(() => existsSync(spinFile), patience)
  await platform.call('POST', `/v1/jobs/${spinning.id}/cancel`, { token: await platform.token() })
  await waitFor(async () => (await read(platform, spinning.id)).state === 'cancelled', patience)
}, 60_000)

const count = `
import os, time
from noodle import task

@task(name="count")
def run(ctx, input):
    start = ctx.last_checkpoint or 0
    print("from %d" % start)
    for n in range(start, 6):
        ctx.checkpoint(n + 1)
        ctx.progress(100 * (n + 1) / 6, "at %d" % (n + 1))
        while n == 2 and ctx.attempt == 1: time.sleep(0.05)  # until its node is killed
    return {"from": start}
`

pythonTest(
  'a Python task whose worker is killed goes on from its checkpoint on another node (skipped without python3)',
  async () => {
    const folder = aTasksFolder({ 'count.task.py': count })
    const platform = await startPlatform({ LEASE_SECONDS: '1', LEASE_GRACE_MS: '100', TASKS_DIR: folder })
    const first = await platform.startWorker({ NODE_ID: 'first' })
    const { body } = await submit(platform, { task: 'count', retry: { backoffMs: 0 } })
    await waitFor(async () => (await read(platform, body.id)).progressNote === 'at 3', patience)
    await platform.startWorker({ NODE_ID: 'second' })
    await first.stop('SIGKILL')
    const job = await waitFor(async () => {
      const seen = await read(platform, body.id)
      return seen.state === 'succeeded' && seen
    }, patience)
    expect(job).toMatchObject({ attempt: 2, nodeId: 'second', result: { from: 3 }, progressNote: 'at 6' })
  },
  60_000,
)
