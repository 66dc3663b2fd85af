import { expectThat, type Scenario } from './scenario.ts'

/** A finished job on each tier, through haproxy. */
export const tiers: Scenario = async (_stack, client) => {
  const seen: string[] = []
  for (const [requirement, tier] of [
    ['light', 'small'],
    ['medium', 'medium'],
    ['heavy', 'heavy'],
  ] as const) {
    const { status, body } = await client.call('POST', '/v1/jobs', {
      body: { task: 'echo', payload: { requirement }, requirement },
      headers: { Prefer: 'wait=20' },
    })
    expectThat(
      status === 200 && body.state === 'succeeded' && body.tier === tier,
      `${requirement}: ${JSON.stringify(body)}`,
    )
    expectThat(body.result.requirement === requirement, `The result is ${JSON.stringify(body.result)}.`)
    seen.push(tier)
  }
  return `a job succeeded on ${seen.join(', ')}`
}
