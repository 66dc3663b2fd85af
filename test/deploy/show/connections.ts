import { type ClientRequest, type IncomingMessage, request } from 'node:http'
import { once } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import { expectThat, type Scenario } from './scenario.ts'

/** 1,200 connections against the limit of 1,000: the rest waits or is refused by rule, and streams live on for `minutes`. */
export const connections: Scenario = async (stack, client, { minutes }) => {
  const run = `connections-${String(Date.now())}`
  const { body: login } = await client.call('POST', '/v1/auth/token', {
    body: { username: 'admin', password: stack.adminPassword },
  })
  const authorization = `Bearer ${String(login.accessToken)}`
  // A job that nobody starts soon, so that its timeline goes on.
  const { body: job } = await client.call('POST', '/v1/jobs', {
    body: { task: 'echo', payload: {}, delayMs: 3_600_000, labels: { run } },
  })
  const openStream = async (): Promise<{ sent: ClientRequest; response: IncomingMessage }> => {
    const sent = request(`${stack.url}/v1/jobs/${String(job.id)}/events`, {
      agent: false,
      headers: { authorization, accept: 'text/event-stream' },
    }).end()
    sent.on('error', () => undefined)
    const [response] = (await once(sent, 'response')) as [IncomingMessage]
    return { sent, response }
  }

  const startedAt = performance.now()
  const answered = await Promise.all(Array.from({ length: 1200 }, openStream))
  const openedMs = performance.now() - startedAt
  const streams = answered.filter(({ response }) => response.statusCode === 200)
  const refused = answered.filter(({ response }) => response.statusCode === 503)
  expectThat(streams.length + refused.length === 1200, 'Some were answered otherwise.')
  expectThat(streams.length <= 1000 && streams.length >= 990, `${String(streams.length)} streams are open.`)
  expectThat(
    refused.every(({ response }) => response.headers['retry-after'] === '2'),
    'A refusal does not say when to come again.',
  )
  for (const { response } of refused) response.resume()

  let isEnded = 0
  for (const { response } of streams) {
    response.on('error', () => undefined)
    response.on('close', () => isEnded++)
    response.resume()
  }
  await sleep(minutes * 60_000)
  const endedEarly = isEnded
  for (const { sent } of streams) sent.destroy()
  expectThat(
    endedEarly === 0,
    `${String(endedEarly)} of ${String(streams.length)} streams ended within ${String(minutes)} minutes.`,
  )
  await client.call('POST', `/v1/jobs/${String(job.id)}/cancel`)
  return `of 1,200 connections ${String(streams.length)} were served and ${String(refused.length)} refused with 503 and Retry-After, the last answer after ${(openedMs / 1000).toFixed(1)} s; all streams lived through ${String(minutes)} minutes`
}
