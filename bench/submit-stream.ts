import { credentials, Client, Metadata } from '@grpc/grpc-js'
import { loadProtocol, serviceOf } from '../proto/load-protocol.ts'
import type { StreamLoad } from './contender.ts'

/**
 * Jobs over `SubmitStream` with gRPC's own client. Each stream has two messages on their way, so that it never waits for an answer. The generator shares the
 * machine with what it measures, so its messages are made once, and of an answer it reads how many jobs it is about and whether any was refused.
 */
export async function loadSubmitStream(
  { address, token, job }: { address: string; token: string; job: object },
  { streams, messages, count }: StreamLoad,
): Promise<number> {
  const method = serviceOf(loadProtocol(), 'noodle.v1.JobService')['SubmitStream']
  if (!method) throw new Error('There is no SubmitStream.')
  const { path } = method
  const bytes = method.requestSerialize({ jobs: Array.from({ length: count }, () => job) })
  const client = new Client(address, credentials.createInsecure())
  const metadata = new Metadata()
  metadata.set('authorization', `Bearer ${token}`)
  let left = messages
  const startedAt = performance.now()
  await Promise.all(
    Array.from({ length: streams }, async () => {
      const stream = client.makeBidiStreamRequest(path, (message: Buffer) => message, readOutcomes, metadata)
      let unanswered = 0
      const fill = (): void => {
        while (unanswered < 2 * count && left > 0) {
          left--
          unanswered += count
          stream.write(bytes)
        }
        if (unanswered === 0) stream.end()
      }
      stream.on('data', ({ jobs, refused }: Outcomes) => {
        if (refused > 0) throw new Error(`${String(refused)} jobs of a stream were refused.`)
        unanswered -= jobs
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

interface Outcomes {
  jobs: number
  refused: number
}

/** Of a SubmitStreamResponse: `results` is its field 1, and of each of them `error` is field 3 (protobuf.dev/programming-guides/encoding). */
function readOutcomes(bytes: Buffer): Outcomes {
  const outcomes = { jobs: 0, refused: 0 }
  let at = 0
  function varint(): number {
    let value = 0
    for (let shift = 1; ; shift *= 128) {
      const byte = bytes[at++] ?? 0
      value += (byte & 127) * shift
      if (byte < 128) return value
    }
  }
  while (at < bytes.length) {
    varint() // the tag of a result
    const end = varint() + at
    outcomes.jobs++
    while (at < end) {
      const tag = varint()
      if (tag >> 3 === 3) outcomes.refused++
      const value = varint() // of an index; of the outcomes their length
      if ((tag & 7) === 2) at += value
    }
  }
  return outcomes
}
