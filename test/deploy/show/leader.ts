import { setTimeout as sleep } from 'node:timers/promises'
import { expectThat, type Scenario } from './scenario.ts'
import type { Container, Stack } from './stack.ts'

/** Of two masters the one that leads is killed: within 5 s the other leads, and what only a leader does is done. */
export const leader: Scenario = async (stack, client) => {
  const masters = await stack.containers('master')
  expectThat(masters.length === 2, `${String(masters.length)} masters run.`)
  const leads = await Promise.all(masters.map((master) => isLeading(stack, master)))
  expectThat(leads.filter(Boolean).length === 1, `${String(leads.filter(Boolean).length)} masters lead.`)
  const [killed, other] = leads[0] ? masters : masters.toReversed()
  if (!killed || !other) throw new Error('No masters run.')

  await stack.docker('kill', killed.id)
  const killedAt = performance.now()
  // A job that is due in a moment is dispatched by ops alone.
  const { body } = await client.call('POST', '/v1/jobs', {
    body: { task: 'echo', payload: {}, delayMs: 1000 },
    headers: { 'Idempotency-Key': `leader-${String(Date.now())}`, Prefer: 'wait=20' },
  })
  const jobMs = performance.now() - killedAt
  while (!(await isLeading(stack, other))) {
    expectThat(performance.now() - killedAt < 10_000, 'Nobody leads 10 s after the leader was killed.')
    await sleep(100)
  }
  const leadMs = performance.now() - killedAt
  await stack.docker('start', killed.id)
  await stack.untilHealthy([killed])
  expectThat(
    body.state === 'succeeded' && jobMs < 5000,
    `The due job is ${String(body.state)} after ${String(jobMs)} ms.`,
  )
  expectThat(leadMs < 5000, `The other master leads after ${String(leadMs)} ms.`)
  return `the other master leads at most ${(leadMs / 1000).toFixed(1)} s after the kill; a job due 1 s after it was done at ${(jobMs / 1000).toFixed(1)} s`
}

const readMetric =
  "fetch('http://127.0.0.1:9100/metrics').then(r=>r.text()).then(t=>console.log(/^noodle_leads (.*)$/m.exec(t)?.[1]))"

export async function isLeading(stack: Stack, master: Container): Promise<boolean> {
  return (await stack.docker('exec', master.id, 'node', '-e', readMetric)).trim() === '1'
}
