import { Duplex } from 'node:stream'
import { expect, test } from '@jest/globals'
import type { WorkRequest } from '../../../proto/generated/noodle/v1/WorkRequest.ts'
import type { GatewayClient, WorkCall } from '../../../workers/remote/gateway-client.ts'
import { openWorkStream } from '../../../workers/remote/work-stream.ts'
import { waitFor } from '../../support/wait-for.ts'

/** A stream to a gateway that takes a message only when it is told to. */
async function openStream() {
  const taken: WorkRequest[] = []
  const held: (() => void)[] = []
  const call = new Duplex({
    objectMode: true,
    highWaterMark: 1,
    read() {},
    write(message: WorkRequest, _, done) {
      taken.push(message)
      held.push(done)
    },
  })
  const client = {
    address: 'gateway:1',
    work: () => Object.assign(call, { cancel: () => call.destroy() }) as unknown as WorkCall,
    close: () => undefined,
  } as unknown as GatewayClient
  const hearer = { onJob() {}, onRenewNow() {}, onDrained() {}, onGoAway() {}, onEnd() {} }
  const options = { hello: { bootId: 'boot' }, welcomeMs: 5000, hearer }
  const opened = openWorkStream(client, (error) => error, options)
  call.push({ welcome: true, jobs: [], ended: [] })
  const stream = await opened
  return { stream, taken, takeNext: () => held.shift()?.() }
}

test('of the progress of a run the newest is sent when a stream that was full has room, or its end goes', async () => {
  const { stream, taken, takeNext } = await openStream()
  const run = { jobId: 'a', fence: 1 }
  stream.renew({}).catch(() => undefined)
  takeNext() // the hello
  await waitFor(() => taken.length === 2)
  for (const percent of [10, 20]) stream.noteProgress({ ...run, percent })
  stream.noteProgress({ jobId: 'b', fence: 2, percent: 5 })
  takeNext() // the renewal
  await waitFor(() => taken.length === 3)
  expect(taken[2]?.progress).toEqual([
    { ...run, percent: 20 },
    { jobId: 'b', fence: 2, percent: 5 },
  ])
  stream.noteProgress({ ...run, percent: 90 })
  stream.finish({ ...run, success: {} }).catch(() => undefined)
  takeNext()
  await waitFor(() => taken.length === 4)
  expect(taken[3]).toMatchObject({ progress: [{ ...run, percent: 90 }], finishes: [run] })
  stream.close()
})
