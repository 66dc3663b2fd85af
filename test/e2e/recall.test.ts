import { expect, test } from '@jest/globals'
import { startPlatform } from '../support/platform.ts'
import { openTestQueue } from '../support/test-queue.ts'
import { waitFor } from '../support/wait-for.ts'

const patience = { timeoutMs: 20_000 }

test.each(['beside the stores', 'behind a gateway'])(
  'a worker %s that is called back while it drains takes jobs again, and drains to its end the next time',
  async (place) => {
    const { deps } = await openTestQueue()
    const platform = await startPlatform()
    const token = await platform.token()
    const settings = { NODE_ID: 'called', TIER: 'small', CONCURRENCY: '2', LEASE_SECONDS: '4' }
    const worker = await (place === 'behind a gateway'
      ? platform.startRemoteWorker(settings)
      : platform.startWorker(settings))
    const submit = async (ms: number): Promise<string> => {
      const body = { task: 'sleep', payload: { ms }, requirement: 'light' }
      return (await platform.call('POST', '/v1/jobs', { token, body })).body.id
    }
    const stateOf = async (id: string): Promise<string> =>
      (await platform.call('GET', `/v1/jobs/${id}`, { token })).body.state
    const until = (id: string, state: string) =>
      waitFor(async () => (await stateOf(id)) === state, { ...patience, what: `job ${id} to be ${state}` })
    const times = (what: string): number => worker.output().split(what).length - 1
    const drain = async (time: number) => {
      expect(await deps.nodes.drain('called', { isRecallable: true })).toBe(true)
      deps.signals.tellNode('called')
      await waitFor(() => times('told to take no more jobs') === time)
    }

    const long = await submit(2500)
    await until(long, 'running')
    await drain(1)
    const other = await submit(1)
    await until(other, 'queued')
    expect(await deps.nodes.recall('called')).toBe(true)
    deps.signals.tellNode('called')
    await until(other, 'succeeded')
    expect(await stateOf(long)).toBe('running')
    expect(times('told to take jobs again')).toBe(1)

    await drain(2)
    const late = await submit(1)
    await waitFor(async () => (await deps.nodes.findLive('called'))?.drainedAt, patience)
    expect(await stateOf(long)).toBe('succeeded')
    expect(await stateOf(late)).toBe('queued')
    expect(await deps.nodes.recall('called')).toBe(false)
  },
  60_000,
)
