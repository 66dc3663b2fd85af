import { credentials, Client, Metadata } from '@grpc/grpc-js'
import type { SubmitStreamResponse__Output } from '../proto/generated/noodle/v1/SubmitStreamResponse.ts'
import { loadProtocol, serviceOf } from '../proto/load-protocol.ts'
import type { StreamLoad } from './contender.ts'

/** Jobs over `SubmitStream` with gRPC's own client, its messages made once. Each stream has two messages on their way, so that it never waits for an answer. */
export async function loadSubmitStream(
  { address, token, job }: { address: string; token: string; job: object },
  { streams, messages, count }: StreamLoad,
): Promise<number> {
  const method = serviceOf(loadProtocol(), 'noodle.v1.JobService')['SubmitStream']
  if (!method) throw new Error('There is no SubmitStream.')
  const { path, responseDeserialize } = method
  const bytes = method.requestSerialize({ jobs: Array.from({ length: count }, () => job) })
  const client = new Client(address, credentials.createInsecure())
  const metadata = new Metadata()
  metadata.set('authorization', `Bearer ${token}`)
  let left = messages
  const startedAt = performance.now()
  await Promise.all(
    Array.from({ length: streams }, async () => {
      const stream = client.makeBidiStreamRequest(
        path,
        (message: Buffer) => message,
        responseDeserialize,
        metadata,
      )
      let unanswered = 0
      const fill = (): void => {
        while (unanswered < 2 * count && left > 0) {
          left--
          unanswered += count
          stream.write(bytes)
        }
        if (unanswered === 0) stream.end()
      }
      stream.on('data', ({ results }: SubmitStreamResponse__Output) => {
        if (results.some(({ error }) => error)) throw new Error('A job of a stream was refused.')
        unanswered -= results.length
        fill()
      })
      fill()
      await new Promise<void>((resolve, reject) => {
        stream.on('error', reject)
        stream.on('end', resolve)
      })
    }),
  )
  const seconds = (performance.now() - startedAt) / 1000
  client.close()
  return (messages * count) / seconds
}
