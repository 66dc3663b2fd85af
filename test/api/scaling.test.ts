import { expect, test } from '@jest/globals'
import { finishJob } from '../../queue/use-cases/finish-job.ts'
import { openTestGateway } from '../support/gateway.ts'
import { aNode, aRunningJob } from '../support/test-queue.ts'

test('how a tier is scaled can be read, changed and given back to the configuration', async () => {
  const policies = { default: { targetWaitMs: 3000 }, heavy: { min: 0, max: 3 } }
  const gateway = await openTestGateway({ SCALING_POLICIES: JSON.stringify(policies) })
  const [admin, user] = [await gateway.tokenOf('admin'), await gateway.tokenOf('user')]
  const get = async (tier: string) => gateway.call('GET', `/v1/tiers/${tier}/scaling`, { token: user })
  const patch = async (tier: string, body: unknown, token = admin) =>
    gateway.call('PATCH', `/v1/tiers/${tier}/scaling`, { token, body })

  expect(await get('small')).toMatchObject({
    status: 200,
    body: {
      tier: 'small',
      policy: { mode: 'auto', min: 2, max: 16, cooldownSeconds: 300, targetWaitMs: 3000 },
      ...{ desired: null, decisions: [] },
    },
  })
  expect((await get('large')).body).toMatchObject({ tier: 'heavy', policy: { min: 0, max: 3 } })
  expect((await get('huge')).status).toBe(404)

  expect((await patch('heavy', { max: 5 }, user)).status).toBe(403)
  expect((await patch('heavy', { max: 5, min: 1 })).body.policy).toMatchObject({ min: 1, max: 5 })
  expect((await patch('heavy', { max: null })).body.policy).toMatchObject({ min: 1, max: 3 })
  const until = '2099-01-01T00:00:00.000Z'
  expect((await patch('heavy', { override: { replicas: 2, until } })).body.policy.override).toEqual({
    replicas: 2,
    until,
  })
  expect((await gateway.call('GET', '/v1/audit', { token: admin })).body.items[0]).toMatchObject({
    action: 'scaling.change',
    target: 'heavy',
  })
})

test.each([
  [{}, 400, ''],
  [{ mode: 'fast' }, 400, 'mode'],
  [{ min: -1 }, 400, 'min'],
  [{ min: 1.5 }, 400, 'min'],
  [{ thresholds: { up: 0.3, down: 0.8 } }, 400, 'thresholds'],
  [{ override: { replicas: 2, until: 'tomorrow' } }, 400, 'override.until'],
  [{ desired: 4 }, 400, 'desired'],
  [{ step: { up: 1, down: 1 } }, 400, 'step'],
  [{ min: 17 }, 422, 'min'],
  [{ mode: 'manual' }, 422, 'replicas'],
  [{ schedules: [{ cron: 'every day', minutes: 60, min: 4 }] }, 400, 'schedules.0.cron'],
  [
    { schedules: [{ cron: '0 8 * * *', timezone: 'Mars/Olympus', minutes: 60, min: 4 }] },
    400,
    'schedules.0.timezone',
  ],
])('a policy of %j is refused with %d, naming %s', async (body, status, path) => {
  const gateway = await openTestGateway()
  const token = await gateway.tokenOf('admin')
  const answer = await gateway.call('PATCH', '/v1/tiers/small/scaling', { token, body })
  expect(answer.status).toBe(status)
  expect(answer.body.errors.map((error: { path: string }) => error.path)).toContain(path)
  expect(await gateway.deps.scaling.findState('small')).toBeNull()
})

test('what was decided is told by the tier, and by its scaling with figures and reason', async () => {
  const gateway = await openTestGateway()
  const token = await gateway.tokenOf('user')
  const decide = (desired: number, reason: string) =>
    gateway.deps.scaling.recordDecision(1, {
      ...{ id: gateway.deps.newId(), tier: 'small', mode: 'auto', desired, starting: 1, reason },
      inputs: { waiting: 12 },
    })
  await decide(2, 'at the least')
  await decide(2, 'still')
  await decide(4, '12 jobs wait')
  const scaling = (await gateway.call('GET', '/v1/tiers/small/scaling', { token })).body
  expect(scaling).toMatchObject({ desired: 4, reason: '12 jobs wait', inputs: { waiting: 12 } })
  expect(scaling.decisions).toMatchObject([
    { from: 2, to: 4, mode: 'auto', reason: '12 jobs wait', inputs: { waiting: 12 } },
    { from: 2, to: 2, reason: 'at the least' },
  ])
  const tier = (await gateway.call('GET', '/v1/tiers/small', { token })).body
  expect(tier.replicas).toEqual({ ready: 0, starting: 1, draining: 0, desired: 4 })
})

test('what jobs of a tier should ask for is told by what they have used', async () => {
  const gateway = await openTestGateway()
  const { deps } = gateway
  const boot = await aNode(deps)
  for (let i = 0; i < 20; i++) {
    const job = await aRunningJob(deps, boot, { resources: { cpu: 1, memoryMb: 2048, gpu: 0 } })
    const usage = { wallMs: 1000, cpuMs: 100, maxRssBytes: 100 * 1024 * 1024 }
    await finishJob(deps, boot, job, { kind: 'succeeded', result: null, usage })
  }
  const token = await gateway.tokenOf('admin')
  const { body } = await gateway.call('GET', '/v1/tiers/small/advice', { token })
  expect(body.items).toEqual([
    {
      ...{ task: 'echo', jobs: 20, asked: { cpu: 1, memoryMb: 2048, gpu: 0 } },
      used: { cpu: 0.1, memoryMb: 100 },
      ...{ verdict: 'asks too much', recommended: { cpu: 0.2, memoryMb: 128 } },
      saving: { cpuSeconds: expect.closeTo(0.8), memoryMbSeconds: 1920 },
    },
  ])
  const user = await gateway.tokenOf('user')
  expect((await gateway.call('GET', '/v1/tiers/small/advice', { token: user })).status).toBe(403)
})
