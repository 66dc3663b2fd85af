import { execFile } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { expect, test } from '@jest/globals'
import { openCgroups } from '../../workers/executors/open-cgroups.ts'
import { mutualTls } from '../support/certificates.ts'
import { cleanUp } from '../support/clean-up.ts'
import { engineAddress, hasEngine, useTestImage } from '../support/container-test.ts'
import { inherited, jwtSecret, type Platform, startPlatform } from '../support/platform.ts'
import { python } from '../support/python-test.ts'
import { waitFor } from '../support/wait-for.ts'

const patience = { timeoutMs: 30_000 }
const quick = { KILL_GRACE_MS: '100', DRAIN_DEADLINE_MS: '800', TIER: 'small,medium' }
const image = useTestImage()
const hasCgroups = canLimitCores()
if (!hasCgroups) test.skip('cores of a remote run (skipped: no control groups to write to)', () => undefined)

function canLimitCores(): boolean {
  const cgroups = openCgroups('remote-probe')
  cgroups?.removeAll()
  return cgroups !== null
}

const secretsKey = 'a key for secrets of more than thirty-two bytes'

function aFolder(files: Record<string, string> = {}): string {
  const folder = mkdtempSync(join(tmpdir(), 'noodle-remote-test-'))
  cleanUp(() => rmSync(folder, { recursive: true, force: true }))
  for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text)
  return folder
}

async function submit(platform: Platform, job: Record<string, unknown>): Promise<string> {
  const answer = await platform.call('POST', '/v1/jobs', { token: await platform.token(), body: job })
  if (answer.status !== 202) throw new Error(JSON.stringify(answer.body))
  return answer.body.id as string
}

const read = async (platform: Platform, path: string) =>
  (await platform.call('GET', `/v1/jobs/${path}`, { token: await platform.token() })).body

const ended = (platform: Platform, id: string) =>
  waitFor(
    async () => {
      const job = await read(platform, id)
      return job.finishedAt && job
    },
    { ...patience, what: `job ${id} to end` },
  )

const task = `
import { defineTask } from 'noodle/task'
import { z } from 'zod'
import { writeFileSync, existsSync } from 'node:fs'

export default defineTask({
  name: 'far',
  secrets: ['canary'],
  input: z.object({ file: z.string(), large: z.string().optional() }),
  async run(ctx) {
    if (ctx.input.file === '') {
      writeFileSync(ctx.artifacts + '/large.txt', 'x'.repeat(200))
      ctx.progress(40)
      ctx.progress(77, 'the last word')
      return
    }
    ctx.progress(40, 'on the way')
    ctx.log('told from afar, with ' + ctx.secrets.get('canary'))
    const before = ctx.lastCheckpoint
    await ctx.checkpoint({ at: ctx.attempt })
    writeFileSync(ctx.artifacts + '/made.txt', 'made afar')
    while (ctx.attempt === 1 && !existsSync(ctx.input.file + '.go')) {
      writeFileSync(ctx.input.file, String(process.pid))
      await new Promise((r) => setTimeout(r, 20))
    }
    return { before, gpus: ctx.gpus, got: ctx.input.large?.length ?? 0, large: ctx.input.large ?? '' }
  },
})
`

const inPython = `
from noodle import task

@task(name="far-python")
def run(ctx, input):
    ctx.progress(30, "a third")
    print("told by Python")
    kept = ctx.last_checkpoint
    ctx.checkpoint({"kept": input})
    with open(ctx.artifacts + "/left.txt", "w") as f: f.write("left")
    if ctx.attempt == 1: raise ValueError("not this time")
    return kept
`

/** More than a run may use. */
const hoard = 'head -c 200000000 /dev/zero | tail -c 200000000 | wc -c'

/** Jobs whose ways to run are their own, with what becomes of each. */
const kinds: { job: Record<string, unknown>; ends: Record<string, unknown> }[] = [
  {
    job: { task: 'far', payload: { file: '' }, retry: { maxAttempts: 3, backoffMs: 0 } },
    ends: {
      ...{ state: 'failed', attempt: 1, progress: 77, progressNote: 'the last word' },
      error: { code: 'ARTIFACTS_TOO_LARGE', message: expect.stringContaining('on this gateway') },
    },
  },
  {
    job: {
      task: 'command',
      payload: { argv: ['sh', '-c', `set -e; x=$(${hoard}); test "$x" = 200000000`] },
      ...{ resources: { memoryMb: 64 }, retry: { maxAttempts: 1 } },
    },
    ends: { state: 'failed', error: { code: 'OUT_OF_MEMORY' } },
  },
  {
    job: {
      task: 'command',
      payload: { argv: ['sh', '-c', 'i=0; while [ $i -lt 1500000 ]; do i=$((i+1)); done'] },
      ...{ resources: { cpu: 0.5 }, timeoutMs: 600, retry: { maxAttempts: 1 } },
    },
    ends: { state: 'failed', error: { code: 'TIMEOUT' } },
  },
  ...(python === null
    ? []
    : [
        {
          job: { task: 'far-python', payload: 7, retry: { maxAttempts: 2, backoffMs: 0 } },
          ends: { state: 'succeeded', attempt: 2, result: { kept: 7 } },
        },
      ]),
  ...(hasEngine
    ? [
        {
          job: {
            task: 'container',
            payload: { image, argv: ['sh', '-c', 'echo inside; exit 3'] },
            retry: { maxAttempts: 1 },
          },
          ends: { state: 'failed', error: { code: 'EXIT_CODE' } },
        },
      ]
    : []),
]

test('a worker that knows only MASTER_HOST does all that one beside the stores does', async () => {
  const folder = aFolder({ 'far.task.ts': task, ...(python !== null && { 'far.task.py': inPython }) })
  const platform = await startPlatform({
    ...{ SECRETS_KEY: secretsKey, LEASE_SECONDS: '4', ARTIFACT_LIMIT_BYTES: '100' },
  })
  const token = await platform.token()
  expect(
    (await platform.call('PUT', '/v1/secrets/canary', { token, body: { value: 'a planted secret' } })).status,
  ).toBeLessThan(300)
  const containers = { TASK_CONTAINER_ENGINE: engineAddress, TASK_CONTAINER_IMAGES: image }
  const env = {
    ...{ TASKS_DIR: folder, TASK_COMMAND_ALLOW: 'sh', NODE_GPUS: '2', ...quick },
    ...(hasEngine && containers),
  }
  const cli = join(import.meta.dirname, '../../ops/cli/main.ts')
  const { stdout: given } = await promisify(execFile)(process.execPath, [cli, 'token', '--node', 'far-1'], {
    env: { ...inherited, AUTH_JWT_SECRET: jwtSecret },
  })
  const doomed = await platform.startRemoteWorker({
    ...{ ...env, NODE_ID: 'far-1', AUTH_JWT_SECRET: '', WORKER_TOKEN: given.trim() },
  })

  const file = join(folder, 'first')
  const large = 'x'.repeat(300_000)
  const far = await submit(platform, { task: 'far', payload: { file, large }, resources: { gpu: 1 } })
  await waitFor(() => existsSync(file), patience)
  await waitFor(async () => (await read(platform, far)).progressNote === 'on the way', patience)

  const script = 'echo out; ulimit -n; exit 3'
  const failing = await submit(platform, {
    ...{ task: 'command', payload: { argv: ['sh', '-c', script] }, retry: { maxAttempts: 1 } },
  })
  expect(await ended(platform, failing)).toMatchObject({ state: 'failed', error: { code: 'EXIT_CODE' } })
  const sleeping = await submit(platform, { task: 'command', payload: { argv: ['sh', '-c', 'sleep 60'] } })
  await waitFor(async () => (await read(platform, sleeping)).state === 'running', patience)
  await platform.call('POST', `/v1/jobs/${sleeping}/cancel`, { token })
  expect(await ended(platform, sleeping)).toMatchObject({ state: 'cancelled' })
  const logs = await read(platform, `${failing}/logs`)
  expect(JSON.stringify(logs)).toContain('out')

  doomed.child.kill('SIGKILL')
  await platform.startRemoteWorker({ ...env, NODE_ID: 'far-2' })
  expect(await ended(platform, far)).toMatchObject({
    ...{ state: 'succeeded', attempt: 2, nodeId: 'far-2' },
    result: { before: { at: 1 }, got: 300_000, gpus: [0] },
  })
  expect(JSON.stringify(await read(platform, `${far}/logs`))).toContain(
    'told from afar, with [secret canary]',
  )
  const artifacts = await read(platform, `${far}/artifacts`)
  expect(artifacts.items).toMatchObject([{ name: 'made.txt', bytes: 9 }])

  const ids = await Promise.all(kinds.map(({ job }) => submit(platform, job)))
  const ends = await Promise.all(ids.map((id) => ended(platform, id)))
  expect(ends).toMatchObject(kinds.map((kind) => kind.ends))
  const [, , spinning] = ends
  if (hasCgroups) expect(spinning.usage.cpuMs).toBeLessThan(0.5 * spinning.usage.wallMs + 150)
  for (const [i, { job }] of kinds.entries()) {
    const told = { 'far-python': 'told by Python', container: 'inside' }[job['task'] as string]
    if (told) expect(JSON.stringify(await read(platform, `${ids[i] ?? ''}/logs`))).toContain(told)
  }
}, 90_000)

test('a gateway that freezes, stops or dies costs no run: its nodes go on, and end their jobs by way of another', async () => {
  const folder = aFolder()
  const platform = await startPlatform({ LEASE_SECONDS: '6' })
  const gateways = [
    { ...platform.gateway, url: platform.url, grpcAddress: platform.grpcAddress },
    await platform.startAnotherGateway(),
  ]
  const worker = await platform.startRemoteWorker({
    MASTER_HOST: gateways.map(({ grpcAddress }) => grpcAddress).join(),
    TASK_COMMAND_ALLOW: 'sh',
    NODE_ID: 'far',
    ...quick,
  })
  const token = await platform.token()
  const headers = { Authorization: `Bearer ${token}`, 'Content-Type': 'application/json' }
  /** How often it was taken by a gateway, and which one it was last. */
  const connections = (): string[] =>
    [...worker.output().matchAll(/connected to a gateway.*address=(\S+)/g)].map(([, address = '']) => address)
  const home = () => gateways.find(({ grpcAddress }) => grpcAddress === connections().at(-1))
  const away = () => gateways.find(({ grpcAddress }) => grpcAddress !== connections().at(-1))

  async function jobOver(name: string, breakIt: () => void): Promise<{ url: string; id: string }> {
    const script = `echo x >> ${folder}/${name}; while [ ! -e ${folder}/${name}.go ]; do sleep 0.05; done`
    const { url = '' } = away() ?? {}
    const body = JSON.stringify({ task: 'command', payload: { argv: ['sh', '-c', script] } })
    const { id } = (await (await fetch(`${url}/v1/jobs`, { method: 'POST', headers, body })).json()) as {
      id: string
    }
    await waitFor(() => existsSync(join(folder, name)), patience)
    const before = connections().length
    breakIt()
    await waitFor(() => connections().length > before, { ...patience, what: worker.output() })
    writeFileSync(join(folder, `${name}.go`), '')
    return { url, id }
  }

  async function expectOneRun({ url, id }: { url: string; id: string }, name: string): Promise<void> {
    const job = await waitFor(async () => {
      const body = (await (await fetch(`${url}/v1/jobs/${id}`, { headers })).json()) as {
        finishedAt?: string
      }
      return body.finishedAt ? body : null
    }, patience)
    expect(job).toMatchObject({ state: 'succeeded', attempt: 1, nodeId: 'far' })
    expect(readFileSync(join(folder, name), 'utf8')).toBe('x\n')
  }

  const frozen = home()
  await expectOneRun(await jobOver('frozen', () => frozen?.child.kill('SIGSTOP')), 'frozen')
  frozen?.child.kill('SIGCONT')
  const killed = home()
  await expectOneRun(await jobOver('killed', () => killed?.child.kill('SIGKILL')), 'killed')
  gateways.splice(
    gateways.findIndex((one) => one === killed),
    1,
  )
}, 90_000)

test('a gateway that stops goes on storing what its nodes tell until another one has taken them, over TLS with certificates too', async () => {
  const folder = aFolder()
  const tls = mutualTls()
  const platform = await startPlatform({ LEASE_SECONDS: '6', SHUTDOWN_DELAY_MS: '3000', ...tls.gateway })
  const worker = await platform.startRemoteWorker({ TASK_COMMAND_ALLOW: 'sh', ...tls.worker, ...quick })
  const script = `echo x >> ${folder}/runs; while [ ! -e ${folder}/go ]; do sleep 0.05; done`
  const id = await submit(platform, { task: 'command', payload: { argv: ['sh', '-c', script] } })
  await waitFor(() => existsSync(join(folder, 'runs')), patience)
  const exited = once(platform.gateway.child, 'exit')
  platform.gateway.child.kill('SIGTERM')
  await waitFor(() => worker.output().includes('sends this node to another one'), patience)
  writeFileSync(join(folder, 'go'), '') // it has no other gateway, and the old one goes on storing what it tells
  expect(await ended(platform, id)).toMatchObject({ state: 'succeeded', attempt: 1 })
  expect(await exited).toEqual([0, null])
}, 60_000)

test('a worker whose token is refused, or that is told too little, ends with a word about it', async () => {
  const platform = await startPlatform()
  const told = async (env: Record<string, string>): Promise<string> => {
    const main = join(import.meta.dirname, '../../workers/main.ts')
    const given = { ...inherited, MASTER_HOST: platform.grpcAddress, ...env }
    return promisify(execFile)(process.execPath, [main], { env: given, timeout: 20_000 }).then(
      () => 'it ended well',
      (error: unknown) => (error as { stderr: string }).stderr,
    )
  }
  const [wrong, nowhere, nothing, tier] = await Promise.all([
    told({ AUTH_JWT_SECRET: `${jwtSecret} of another platform` }),
    told({ AUTH_JWT_SECRET: jwtSecret, MASTER_HOST: '' }),
    told({}),
    told({ AUTH_JWT_SECRET: jwtSecret, TIER: 'hevy' }),
  ])
  expect(wrong).toContain('refuses this worker')
  expect(nowhere).toContain('DATABASE_URL and REDIS_URL are not set, and neither is MASTER_HOST')
  expect(nothing).toContain('WORKER_TOKEN')
  expect(tier).toContain('there is no tier hevy; did you mean heavy?')
}, 60_000)
