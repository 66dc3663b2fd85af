import { expect, test } from '@jest/globals'
import { freePort, startPlatform } from '../support/platform.ts'
import { waitFor } from '../support/wait-for.ts'

test('ops sends a canary through each tier that has nodes, and its ledger adds up', async () => {
  const metricsPort = String(await freePort())
  const platform = await startPlatform({ METRICS_PORT: metricsPort })
  await platform.startWorker({ TIER: 'small', METRICS_PORT: '0' })
  const token = await platform.token()
  const canaries = async () => {
    const { body } = await platform.call('GET', '/v1/jobs?tenant=_canary', { token })
    return body.items.map(({ tier, state }: { tier: string; state: string }) => ({ tier, state }))
  }
  await waitFor(
    async () => (await canaries()).some(({ state }: { state: string }) => state === 'succeeded'),
    {
      timeoutMs: 20_000,
      what: `a canary to come through: ${platform.ops.output()}`,
    },
  )
  expect(await canaries()).toEqual([{ tier: 'small', state: 'succeeded' }])
  expect((await platform.call('GET', '/v1/jobs', { token })).body.items).toEqual([])

  const metrics = await waitFor(async () => {
    const text = await (await fetch(`http://127.0.0.1:${metricsPort}/metrics`)).text()
    return /noodle_ledger_gap\{/.test(text) && /noodle_canary_age_seconds\{/.test(text) && text
  })
  for (const kind of ['missing', 'surplus', 'undelivered'])
    expect(metrics).toContain(`noodle_ledger_gap{kind="${kind}"} 0\n`)
  expect(metrics).toMatch(/noodle_canary_age_seconds\{tier="small"\} \d/)
  expect(metrics).not.toMatch(/noodle_canary_age_seconds\{tier="heavy"/)
})
