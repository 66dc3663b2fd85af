import { expect } from '@jest/globals'
import { freePort, type PlatformProcess, startPlatform } from '../support/platform.ts'
import { previousVersionTest } from '../support/previous-version.ts'

previousVersionTest(
  'the version before works on the schema of this one, beside processes of this one, in any mix',
  async (checkout) => {
    const platform = await startPlatform({}, { checkout })
    const PORT = String(await freePort())
    const token = await platform.token()
    const worker = { TIER: 'small', CONCURRENCY: '2' }
    const runThrough = async (port: string | undefined): Promise<unknown> => {
      const response = await fetch(`http://127.0.0.1:${String(port)}/v1/jobs`, {
        method: 'POST',
        headers: {
          Authorization: `Bearer ${token}`,
          'Content-Type': 'application/json',
          Prefer: 'wait=20',
        },
        body: JSON.stringify({ task: 'echo', payload: 'hello' }),
      })
      return response.json()
    }
    const both = () => Promise.all([platform.env['PORT'], PORT].map(runThrough))
    const done = { state: 'succeeded', result: 'hello' }

    const [old] = await Promise.all([
      platform.startWorker(worker),
      platform.startGateway({ PORT, GRPC_PORT: '0' }, { isOfToday: true }),
    ])
    expect(await both()).toMatchObject([done, done])
    const today: PlatformProcess = await platform.startWorker(worker, { isOfToday: true })
    expect(await old.stop()).toBe(0)
    expect(await both()).toMatchObject([done, done])
    expect(await today.stop()).toBe(0)
  },
)
