import { existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from '@jest/globals'
import type { Job } from '../../queue/domain/job.ts'
import { cancelJob } from '../../queue/use-cases/cancel-job.ts'
import type { QueueDeps } from '../../queue/use-cases/queue-deps.ts'
import { reapNodes } from '../../queue/use-cases/reap-nodes.ts'
import { alice, openTestQueue, stateOf, statesOf, submit } from '../support/test-queue.ts'
import { connected } from '../support/template-database.ts'
import { freePort } from '../support/platform.ts'
import { waitFor } from '../support/wait-for.ts'
import { serve } from './executors/http-server.ts'
import { aFolder, aScript, isAlive, readPid, stubbornScript } from './a-run.ts'
import { dispatchUntil, startWorker } from './real-worker.ts'

async function ended(deps: QueueDeps, id: string): Promise<Job> {
  return dispatchUntil(
    deps,
    async () => {
      const job = await deps.jobs.find(id, null)
      return job?.finishedAt ? job : null
    },
    `job ${id} to end`,
  )
}

const untilState = (deps: QueueDeps, id: string, state: string) =>
  dispatchUntil(deps, async () => (await stateOf(deps, id)) === state, `job ${id} to be ${state}`)

test('a worker runs jobs of each kind to their end, with result, usage and timeline', async () => {
  const stores = await openTestQueue()
  const { deps } = stores
  const worker = startWorker(stores, {
    NODE_ID: 'worker-1',
    NODE_GPUS: '2',
    NODE_CPUS: '3',
    NODE_MEMORY_MB: '100',
  })
  await worker.ready
  expect(await deps.nodes.listLive()).toMatchObject([
    {
      id: 'worker-1',
      state: 'ready',
      tiers: ['small'],
      cpus: 3,
      memoryMb: 100,
      gpus: 2,
      concurrency: 10,
      tasks: [
        { name: 'echo' },
        { name: 'sleep' },
        { name: 'http', payloadSchema: { type: 'object', required: ['url'] } },
        { name: 'command', payloadSchema: { type: 'object', required: ['argv'] } },
      ],
    },
  ])
  const ids = await Promise.all([
    submit(deps, { payload: { a: 'ünï\u2028' } }),
    submit(deps, { task: 'sleep', payload: { ms: 20 } }),
    submit(deps, { task: 'command', payload: aScript('echo out; echo err >&2') }),
    submit(deps, {
      task: 'command',
      payload: aScript('exit 4'),
      retry: { maxAttempts: 2, backoffMs: 0, strategy: 'fixed' },
    }),
    submit(deps, {
      task: 'sleep',
      payload: { ms: 60_000 },
      timeoutMs: 30,
      retry: { maxAttempts: 1, backoffMs: 0, strategy: 'fixed' },
    }),
  ])
  const [echo, sleep, command, failing, slow] = await Promise.all(ids.map((id) => ended(deps, id)))
  expect(echo).toMatchObject({
    state: 'succeeded',
    attempt: 1,
    result: { a: 'ünï\u2028' },
    error: null,
    nodeId: 'worker-1',
  })
  expect(sleep).toMatchObject({ state: 'succeeded', usage: { wallMs: expect.any(Number) } })
  expect(command).toMatchObject({
    state: 'succeeded',
    result: { exitCode: 0, stdout: 'out\n', stderr: 'err\n', truncated: false },
    usage: { cpuMs: expect.any(Number) },
  })
  expect(failing).toMatchObject({
    state: 'failed',
    attempt: 2,
    failures: 2,
    error: { code: 'EXIT_CODE', attempt: 2 },
  })
  expect(slow).toMatchObject({ state: 'failed', error: { code: 'TIMEOUT', attempt: 1 } })
  expect(await statesOf(deps, ids[0])).toEqual(['pending', 'queued', 'running', 'succeeded'])
  expect(await statesOf(deps, ids[3])).toEqual([
    'pending',
    'queued',
    'running',
    'pending',
    'queued',
    'running',
    'failed',
  ])
  expect(worker.output()).not.toContain('ünï') // payloads are never logged
  expect(worker.output()).not.toContain('err')
})

test('a worker calls what TASK_HTTP_ALLOW has, and nothing else', async () => {
  const stores = await openTestQueue()
  const { deps } = stores
  const endpoint = await serve('127.0.0.1')
  const hidden = await serve('127.0.0.1')
  await startWorker(stores, { TASK_HTTP_ALLOW: `localhost:${String(endpoint.port)}` }).ready
  const ids = await Promise.all(
    [endpoint, hidden].map(({ port }) =>
      submit(deps, { task: 'http', payload: { url: `http://localhost:${String(port)}/`, body: 'hi' } }),
    ),
  )
  const [called, refused] = await Promise.all(ids.map((id) => ended(deps, id)))
  expect(called).toMatchObject({ state: 'succeeded', result: { status: 200, body: 'ok' } })
  expect(endpoint.seen).toMatchObject([{ body: 'hi', headers: { 'noodle-job-id': ids[0] } }])
  expect(refused).toMatchObject({ state: 'failed', attempt: 1, error: { code: 'ADDRESS_NOT_ALLOWED' } })
  expect(hidden.opened()).toBe(0)
})

test('no more jobs run at once than CONCURRENCY says, over all tiers', async () => {
  const stores = await openTestQueue()
  const { deps } = stores
  const folder = aFolder()
  const worker = startWorker(stores, { TIER: 'small,large', CONCURRENCY: '2' })
  await worker.ready
  mkdirSync(`${folder}/running`)
  // Each marks itself while it runs, and waits for the others to be able to see it; as long as none has seen another one, for that.
  const script = aScript(
    `cd ${folder}/running; touch $NOODLE_JOB_ID
    for look in $(seq 100); do [ $(ls | wc -l) -lt 2 ] || touch ../met; [ ! -e ../met ] || break; sleep 0.05; done
    ls | wc -l; sleep 0.05; rm $NOODLE_JOB_ID`,
  )
  const ids = await Promise.all(
    Array.from({ length: 10 }, (_, i) =>
      submit(deps, { task: 'command', payload: script, tier: i % 2 ? 'small' : 'heavy' }),
    ),
  )
  const jobs = await Promise.all(ids.map((id) => ended(deps, id)))
  const atOnce = jobs.map((job) => Number((job.result as { stdout: string }).stdout))
  expect(Math.max(...atOnce)).toBe(2)
})

test('a running job is cancelled at once, its process group with it', async () => {
  const stores = await openTestQueue()
  const { deps } = stores
  const folder = aFolder()
  await startWorker(stores).ready
  const id = await submit(deps, { task: 'command', payload: aScript(stubbornScript(folder)) })
  await untilState(deps, id, 'running')
  const [leader, child] = [await readPid(join(folder, 'leader')), await readPid(join(folder, 'child'))]
  const askedMs = performance.now()
  expect(await cancelJob(deps, alice, id)).toMatchObject({ state: 'running' })
  expect(await ended(deps, id)).toMatchObject({
    state: 'cancelled',
    error: { code: 'CANCELLED', attempt: 1 },
  })
  expect(performance.now() - askedMs).toBeLessThan(2500) // a renewal alone would take up to 3.3 s
  expect([isAlive(leader), isAlive(child)]).toEqual([false, false])
})

test('on SIGTERM a short job ends, a long one is handed back at no cost, and the worker says goodbye and exits 0', async () => {
  const stores = await openTestQueue()
  const { deps } = stores
  const folder = aFolder()
  const worker = startWorker(stores, { NODE_ID: 'leaving', CONCURRENCY: '2' })
  await worker.ready
  const long = await submit(deps, { task: 'command', payload: aScript(stubbornScript(folder)) })
  const short = await submit(deps, {
    task: 'command',
    payload: aScript(`touch ${folder}/begun; while [ ! -e ${folder}/go ]; do sleep 0.01; done`),
  })
  await Promise.all([untilState(deps, long, 'running'), untilState(deps, short, 'running')])
  const unstarted = await submit(deps)
  await untilState(deps, unstarted, 'queued')
  const leader = await readPid(join(folder, 'leader'))
  await waitFor(() => existsSync(join(folder, 'begun')))

  const exited = worker.stop()
  writeFileSync(join(folder, 'go'), '')
  expect(await exited).toBe(0)
  expect(await stateOf(deps, short)).toBe('succeeded')
  expect(await deps.jobs.find(long, null)).toMatchObject({
    state: 'pending',
    attempt: 1,
    failures: 0,
    crashes: 0,
    handBacks: 1,
    error: null,
  })
  expect((await deps.jobs.listEvents(long)).at(-1)).toMatchObject({
    state: 'pending',
    reason: 'node-stopping',
    nodeId: 'leaving',
  })
  expect(await deps.nodes.list({ limit: 10 })).toMatchObject([
    { id: 'leaving', state: 'stopped', running: 0 },
  ])
  expect(isAlive(leader)).toBe(false)
  expect(readdirSync(tmpdir()).filter((name) => name.includes(`-${String(worker.pid)}-`))).toEqual([])

  // Neither the one handed back nor the one that was never begun needs anything but another worker.
  const next = startWorker(stores)
  await next.ready
  expect(await ended(deps, unstarted)).toMatchObject({ state: 'succeeded', attempt: 1 })
  await untilState(deps, long, 'running')
  await cancelJob(deps, alice, long)
  expect(await ended(deps, long)).toMatchObject({ state: 'cancelled', attempt: 2 })
})

test('when a worker is killed its job runs elsewhere under a higher fence, and nothing of it goes on', async () => {
  const stores = await openTestQueue({ leaseGraceMs: 0 })
  const { deps, databaseUrl } = stores
  const folder = aFolder()
  const first = startWorker(stores, { NODE_ID: 'first' })
  await first.ready
  // In its first life it goes on for long, and so does what it has put into the background.
  const script = aScript(
    `[ "$NOODLE_FENCE" = 1 ] || { echo "fence $NOODLE_FENCE"; exit 0; }; sleep 300 & echo $! > ${folder}/child; echo $$ > ${folder}/leader; wait`,
  )
  const id = await submit(deps, { task: 'command', payload: script })
  await untilState(deps, id, 'running')
  const [child, leader] = [await readPid(join(folder, 'child')), await readPid(join(folder, 'leader'))]

  expect(await first.stop('SIGKILL')).toBe('SIGKILL')
  await waitFor(() => !isAlive(leader)) // the kernel's doing, by setpriv
  await connected(databaseUrl, async (client) => {
    await client.query(
      "UPDATE platform SET reaper_seen_at = now(), reaper_held_until = now() - interval '1 second'",
    )
    await client.query("UPDATE nodes SET lease_expires_at = now() - interval '1 second' WHERE id = 'first'")
  })
  await reapNodes(deps)
  await startWorker(stores, { NODE_ID: 'second' }).ready
  expect(isAlive(child)).toBe(false)
  // Its folder is cleared away at the start of the next worker.
  expect(readdirSync(tmpdir()).filter((name) => name.includes(`-${String(first.pid)}-`))).toEqual([])
  expect(await ended(deps, id)).toMatchObject({
    state: 'succeeded',
    nodeId: 'second',
    attempt: 2,
    crashes: 1,
    failures: 0,
    result: { stdout: 'fence 2\n' },
  })
})

test('a worker that was told to drain takes no more jobs and goes on with those it has', async () => {
  const stores = await openTestQueue()
  const { deps } = stores
  const folder = aFolder()
  const port = await freePort()
  const worker = startWorker(stores, { NODE_ID: 'drained', LEASE_SECONDS: '3', METRICS_PORT: String(port) })
  await worker.ready
  const isReady = async () => (await fetch(`http://127.0.0.1:${String(port)}/ready`)).status === 200
  await waitFor(isReady)
  const begun = await submit(deps, {
    task: 'command',
    payload: aScript(`while [ ! -e ${folder}/go ]; do sleep 0.01; done`),
  })
  await untilState(deps, begun, 'running')
  await deps.nodes.drain('drained')
  await waitFor(() => worker.output().includes('told to take no more jobs'))
  const late = await submit(deps)
  await untilState(deps, late, 'queued')
  expect(await isReady()).toBe(true) // Kubernetes would remove it before others if it were not
  writeFileSync(join(folder, 'go'), '')
  expect(await ended(deps, begun)).toMatchObject({ state: 'succeeded' })
  await waitFor(async () => !(await isReady()))
  expect(await stateOf(deps, late)).toBe('queued')
})

test('a delivery of a task that no node here offers waits for one that does', async () => {
  const stores = await openTestQueue()
  const { deps } = stores
  const without = startWorker(stores, { TASK_COMMAND_ALLOW: '' })
  await without.ready
  const id = await submit(deps, { task: 'command', payload: aScript('true') })
  await untilState(deps, id, 'queued')
  expect(await ended(deps, await submit(deps))).toMatchObject({ state: 'succeeded' }) // it is alive
  expect(await stateOf(deps, id)).toBe('queued')
  await without.stop()
  await startWorker(stores).ready
  expect(await ended(deps, id)).toMatchObject({ state: 'succeeded', attempt: 1 })
})

test('a worker refuses to start for a tier that there is not, and says which there are', async () => {
  const worker = startWorker(
    { databaseUrl: 'postgres://nowhere', redisUrl: 'redis://nowhere' },
    { TIER: 'smal,heavy' },
  )
  expect(await worker.exited).toBe(1)
  expect(worker.output()).toBe(
    'The configuration is wrong:\n  - TIER: there is no tier smal; did you mean small?. The tiers are small, medium, heavy.\n',
  )
})
