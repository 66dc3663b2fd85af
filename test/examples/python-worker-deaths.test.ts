import { existsSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect } from '@jest/globals'
import { freePort, type Platform, startPlatform, startProcess } from '../support/platform.ts'
import { grpcPythonTest } from '../support/python-grpc-test.ts'
import { openSwitchingProxy } from '../support/switching-proxy.ts'
import { waitFor } from '../support/wait-for.ts'
import { aFolder, isAlive } from '../workers/a-run.ts'
import { readEffects, startWorker, untilReady } from './a-python-worker.ts'

/** One more gateway beside the platform's own. */
async function startGateway(platform: Platform) {
  const [http, grpc] = [String(await freePort()), String(await freePort())]
  const gateway = startProcess('api/main.ts', { ...platform.env, PORT: http, GRPC_PORT: grpc })
  await waitFor(async () => (await fetch(`http://127.0.0.1:${http}/ready`)).ok, {
    timeoutMs: 20_000,
    what: `a gateway to be ready: ${gateway.output()}`,
  })
  return { process: gateway, grpcAddress: `127.0.0.1:${grpc}` }
}

grpcPythonTest(
  'nothing goes on after the death of a worker that had not yet heard of all ends',
  async () => {
    const platform = await startPlatform()
    const folder = aFolder()
    const [EFFECTS, file] = [join(folder, 'effects'), join(folder, 'go')]
    const worker = startWorker(platform, 'one', { EFFECTS })
    await untilReady(platform, ['one'], worker)
    const token = await platform.token()
    const jobs = [{ task: 'hold', payload: { file, quiet: true } }, { task: 'linger' }]
    const { body } = await platform.call('POST', '/v1/jobs/batch', { token, body: { jobs } })
    const begun = await waitFor(() => {
      const effects = existsSync(EFFECTS) ? readEffects(EFFECTS) : []
      return effects.length === 2 ? effects : null
    })
    const pidOf = (index: number): number =>
      begun.find(({ id }) => id === body.results[index].id)?.pid ?? Number.NaN

    worker.kill('SIGSTOP')
    writeFileSync(file, '')
    await waitFor(() => !isAlive(pidOf(0)), { what: 'one run to end, unheard by its worker' })
    expect(isAlive(pidOf(1))).toBe(true)
    worker.kill('SIGKILL')
    await waitFor(() => !isAlive(pidOf(1)), { what: 'the other run to be killed' })
  },
  60_000,
)

grpcPythonTest(
  'a run goes on over the death and the silence of gateways, and is killed with its frozen worker before another one has the job',
  async () => {
    const platform = await startPlatform({ LEASE_SECONDS: '5', LEASE_GRACE_MS: '300' })
    const second = await startGateway(platform)
    const third = await startGateway(platform)
    const proxy = await openSwitchingProxy(second.grpcAddress)
    const folder = aFolder()
    const [EFFECTS, file] = [join(folder, 'effects'), join(folder, 'go')]
    const worker = startWorker(platform, 'one', { EFFECTS, MASTER_HOST: proxy.address })
    await untilReady(platform, ['one'], worker)
    const token = await platform.token()
    const submitted = await platform.call('POST', '/v1/jobs', {
      token,
      body: { task: 'hold', payload: { file } },
    })
    const job = async () => (await platform.call('GET', `/v1/jobs/${submitted.body.id}`, { token })).body
    const connections = () => worker.output().split('connected to').length - 1
    await waitFor(() => existsSync(EFFECTS))

    proxy.leadTo(third.grpcAddress)
    await second.process.stop('SIGKILL')
    await waitFor(() => connections() === 2)
    proxy.leadTo(platform.grpcAddress)
    proxy.goDeaf()
    await waitFor(() => connections() === 3, { what: `the worker to look elsewhere: ${worker.output()}` })
    expect(await job()).toMatchObject({ state: 'running', attempt: 1 })
    expect(readEffects(EFFECTS)).toHaveLength(1)
    const lastLine = async (): Promise<number> => {
      const path = `/v1/jobs/${submitted.body.id}/logs?tail=1`
      const { body } = await platform.call('GET', path, { token })
      return Number(body.items[0]?.text.split(' ')[1] ?? 0) // none was stored yet
    }
    const reached = await lastLine()
    await waitFor(async () => (await lastLine()) > reached, { what: 'the run to go on' })

    const [{ pid } = { pid: 0 }] = readEffects(EFFECTS)
    worker.kill('SIGSTOP')
    await waitFor(() => !isAlive(pid), {
      what: `the run of the frozen worker to be killed: ${worker.output()}`,
    })
    expect(await job()).toMatchObject({ attempt: 1 })
    const other = startWorker(platform, 'two', { EFFECTS })
    await waitFor(() => readEffects(EFFECTS).length === 2, {
      what: `the job to run elsewhere: ${other.output()}`,
    })
    worker.kill('SIGCONT')
    await waitFor(() => connections() === 4, { what: `the worker to register anew: ${worker.output()}` })
    writeFileSync(file, '')
    const ended = await waitFor(async () => {
      const { state, attempt, result } = await job()
      return state === 'succeeded' ? { attempt, result } : null
    })
    expect(ended.attempt).toBe(2)
    expect(String(ended.result.fence)).toBe(readEffects(EFFECTS)[1]?.fence)
  },
  90_000,
)
