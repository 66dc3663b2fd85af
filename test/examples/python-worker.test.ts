import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect } from '@jest/globals'
import { mutualTls } from '../support/certificates.ts'
import { exampleOf } from '../support/doc-example.ts'
import { type Platform, startPlatform } from '../support/platform.ts'
import { grpcPythonTest } from '../support/python-grpc-test.ts'
import { openTestQueue } from '../support/test-queue.ts'
import { waitFor } from '../support/wait-for.ts'
import { listProcesses, readEnvironment } from '../../workers/executors/proc.ts'
import { aFolder, isAlive } from '../workers/a-run.ts'
import { readEffects, startWorker, untilReady } from './a-python-worker.ts'

/** How many jobs; a multiple of 20. */
const jobCount = Number(process.env['PYTHON_WORKER_JOBS'] ?? 300)

/** A job by its number, and the state that it has to end in. */
function aJob(i: number): { job: object; ends: string } {
  const retry = { maxAttempts: 2, backoffMs: 20, strategy: 'fixed' }
  const act = (payload: object) => ({ task: 'act', payload: { ms: i % 6, ...payload }, retry })
  const kind = i % 20
  if (kind < 12) return { job: act({}), ends: 'succeeded' }
  if (kind < 14) return { job: act({ fails: 1 }), ends: 'succeeded' }
  if (kind < 16) return { job: act({ fails: 9 }), ends: 'failed' }
  if (kind < 18) return { job: act({ final: true }), ends: 'failed' }
  return { job: { task: 'linger', retry }, ends: 'cancelled' }
}

grpcPythonTest(
  `${String(jobCount)} jobs with failures, retries and cancels end as they must though a worker is killed in the middle`,
  async () => {
    const platform = await startPlatform({ LEASE_SECONDS: '4', LEASE_GRACE_MS: '300', LOG_LEVEL: 'info' })
    const { deps } = await openTestQueue()
    const token = await platform.token()
    const EFFECTS = join(aFolder(), 'effects')
    const env = { EFFECTS, CONCURRENCY: '16' }
    const doomed = startWorker(platform, 'doomed', env)
    const other = startWorker(platform, 'other', env)
    await untilReady(platform, ['doomed', 'other'], other)

    const wanted = Array.from({ length: jobCount }, (_, i) => aJob(i))
    const { body } = await platform.call('POST', '/v1/jobs/batch', {
      token,
      body: { jobs: wanted.map(({ job }) => job) },
    })
    const ids = body.results.map(({ id }: { id: string }) => id) as string[]
    const cancel = (id: string) => platform.call('POST', `/v1/jobs/${id}/cancel`, { token })
    // Half of them, most before they begin; the others when they run.
    await Promise.all(ids.filter((_, i) => i % 20 === 18).map(cancel))
    const cancelRunning = async (): Promise<void> => {
      const query = 'state=running&task=linger&limit=200'
      const { body } = await platform.call('GET', `/v1/jobs?${query}`, { token })
      await Promise.all(body.items.map(({ id }: { id: string }) => cancel(id)))
    }
    const countOpen = async (): Promise<number> => {
      const { body } = await platform.call('GET', '/v1/tiers/small', { token })
      const { pending, queued, running } = body as Record<'pending' | 'queued' | 'running', number>
      return pending + queued + running
    }
    const isBusy = async (nodeId: string): Promise<boolean> => {
      const { body } = await platform.call('GET', '/v1/nodes', { token })
      return body.items.some(
        (node: { id: string; running: number }) => node.id === nodeId && node.running > 4,
      )
    }
    const often = { timeoutMs: 180_000, everyMs: 150 }

    await waitFor(
      async () => {
        await cancelRunning()
        return (await countOpen()) < jobCount * 0.7 && (await isBusy('doomed'))
      },
      { ...often, what: 'enough jobs to have ended' },
    )
    doomed.kill('SIGKILL')
    await doomed.exited
    const marks = [`EFFECTS=${EFFECTS}`, 'NODE_ID=doomed']
    const isOfDoomed = (pid: number): boolean => marks.every((mark) => readEnvironment(pid).includes(mark))
    await waitFor(() => !listProcesses().some(isOfDoomed), { what: 'all that it ran to be gone' })
    startWorker(platform, 'third', env)
    await waitFor(
      async () => {
        await cancelRunning()
        return (await countOpen()) === 0
      },
      { ...often, what: 'all jobs to end' },
    )

    const jobs = new Map((await deps.jobs.list({}, { limit: jobCount + 1 })).map((job) => [job.id, job]))
    expect(ids.map((id) => jobs.get(id)?.state)).toEqual(wanted.map(({ ends }) => ends))
    expect(await deps.ledger.countAll()).toMatchObject({ missing: 0, surplus: 0 })

    const effects = readEffects(EFFECTS)
    expect(new Set(effects.map(({ id, fence }) => `${id} ${fence}`)).size).toBe(effects.length) // each start at most once
    const began = new Map<string, number>()
    for (const { id } of effects) began.set(id, (began.get(id) ?? 0) + 1)
    for (const { id, state, attempt, crashes, handBacks } of jobs.values()) {
      const times = began.get(id) ?? 0
      expect(times).toBeLessThanOrEqual(attempt)
      // A start has no effect only where the death of its worker or of a lease, or a cancel, came before.
      if (state !== 'cancelled') expect(times).toBeGreaterThanOrEqual(attempt - crashes - handBacks)
    }
    expect([...jobs.values()].filter(({ crashes }) => crashes > 0).length).toBeGreaterThan(0)
    other.kill('SIGTERM')
    expect({ code: await other.exited, output: other.output() }).toMatchObject({ code: 0 })
  },
  300_000,
)

/** A job as it ends. */
async function run(platform: Platform, job: object) {
  const token = await platform.token()
  const submitted = await platform.call('POST', '/v1/jobs', {
    token,
    body: job,
    headers: { Prefer: 'wait=30' },
  })
  return submitted.body
}

grpcPythonTest(
  'a run has its payload, secrets, checkpoint, log, progress, artifacts and limits, and a worker that stops hands back what it holds',
  async () => {
    const platform = await startPlatform({ SECRETS_KEY: 'a key of more than thirty-two bytes, for tests' })
    const token = await platform.token()
    await platform.call('PUT', '/v1/secrets/key', { token, body: { value: 'open sesame' } })
    const folder = aFolder()
    const EFFECTS = join(folder, 'effects')
    const worker = startWorker(platform, 'one', { EFFECTS, DRAIN_DEADLINE_MS: '300' })
    await untilReady(platform, ['one'], worker)

    const small = await run(platform, { task: 'talk', payload: { size: 1, text: 'abc' } })
    expect({ ...small, output: worker.output() }).toMatchObject({
      ...{ state: 'succeeded', attempt: 2, progress: 100, progressNote: 'half way' },
      result: { seen: [{ reached: 7 }, [], true, false], given: 3, large: 'x' },
      usage: { wallMs: expect.any(Number), cpuMs: expect.any(Number), maxRssBytes: expect.any(Number) },
    })
    const logs = await platform.call('GET', `/v1/jobs/${small.id}/logs`, { token })
    const lines = logs.body.items.map((line: { attempt: number; stream: string; text: string }) =>
      [line.attempt, line.stream, line.text].join(' '),
    )
    expect(lines.sort()).toEqual([
      '1 log from None',
      '1 stderr the key is [secret key]',
      '1 stdout hello from attempt 1',
      "2 log from {'reached': 7}",
      '2 stderr the key is [secret key]',
      '2 stdout hello from attempt 2',
    ])
    const artifact = await platform.call('GET', `/v1/jobs/${small.id}/artifacts/plan.txt`, { token })
    expect(artifact.body).toBe('attempt 2')
    const large = await run(platform, {
      task: 'talk',
      payload: { size: 2_000_000, text: 'x'.repeat(100_000) },
    })
    expect(large).toMatchObject({ state: 'succeeded', resultRef: { bytes: expect.any(Number) } })
    expect(large.resultRef.bytes).toBeGreaterThan(2_000_000)

    const once = { retry: { maxAttempts: 1 } }
    expect(await run(platform, { task: 'go-wrong', payload: 'no-json' })).toMatchObject({
      error: { code: 'RESULT_INVALID', attempt: 1 },
    })
    expect(await run(platform, { task: 'go-wrong', payload: 'exit', ...once })).toMatchObject({
      error: { code: 'EXIT_CODE', message: expect.stringContaining('exit code 3') },
    })
    const limited = { task: 'go-wrong', payload: 'memory', resources: { memoryMb: 200 }, ...once }
    expect(await run(platform, limited)).toMatchObject({ error: { code: 'OUT_OF_MEMORY' } })
    expect(await run(platform, { task: 'stubborn', timeoutMs: 200, ...once })).toMatchObject({
      error: { code: 'TIMEOUT', message: expect.stringContaining('SIGKILL after 0.3 s') },
    })
    await waitFor(() => readEffects(EFFECTS).every(({ pid }) => !isAlive(pid)), {
      what: 'its child to be gone',
    })

    const held = await platform.call('POST', '/v1/jobs', {
      token,
      body: { task: 'hold', payload: { file: join(folder, 'go') } },
    })
    const state = async () => (await platform.call('GET', `/v1/jobs/${held.body.id}`, { token })).body.state
    // By its effect: a claim that has not reached the worker yet is handed back by the gateway, later and for another reason.
    await waitFor(() => readEffects(EFFECTS).some(({ id }) => id === held.body.id), {
      what: 'the job to be held',
    })
    worker.kill('SIGTERM')
    expect({ code: await worker.exited, output: worker.output() }).toMatchObject({ code: 0 })
    const { body } = await platform.call('GET', `/v1/jobs/${held.body.id}/events`, { token })
    expect(body.items.map(({ state, reason }: Record<string, string>) => reason ?? state)).toContain(
      'node-stopping',
    )
    expect(await state()).toMatch(/pending|queued/)
  },
  90_000,
)

grpcPythonTest(
  'the worker of docs/python.md runs as it stands there, over TLS with certificates too; one that may not is told why',
  async () => {
    const tls = mutualTls()
    const platform = await startPlatform(tls.gateway)
    const file = join(aFolder(), 'count.py')
    writeFileSync(file, exampleOf('python.md', 'python', 'A worker in twenty lines'))
    const worker = startWorker(platform, 'docs', tls.worker, file)
    const refused = startWorker(platform, 'stranger', {
      ...tls.worker,
      AUTH_JWT_SECRET: 'another secret of thirty-two bytes',
    })
    const lost = startWorker(platform, 'lost', { MASTER_HOST: '' })
    await untilReady(platform, ['docs'], worker)
    expect(await run(platform, { task: 'count', payload: { to: 4 } })).toMatchObject({
      ...{ state: 'succeeded', result: { counted: 4 }, timeoutMs: 60_000 },
    })
    expect(await run(platform, { task: 'count', payload: { to: 2000 } })).toMatchObject({
      ...{ state: 'failed', attempt: 1, error: { message: 'That is too far.' } },
    })
    const token = await platform.token()
    const misfit = await platform.call('POST', '/v1/jobs', { token, body: { task: 'count', payload: {} } })
    expect(misfit.status).toBe(422)
    expect([await refused.exited, await lost.exited]).toEqual([1, 1])
    expect(refused.output()).toMatch(/does not take this worker: UNAUTHENTICATED/)
    expect(lost.output()).toMatch(/MASTER_HOST is not set/)
  },
  60_000,
)
