import type { Job } from './contract.ts'
import { downloadBytes } from './download.ts'
import { NoodleError } from './noodle-error.ts'
import type { Transport } from './transport.ts'

/** What a job came to; a job in hand is read again only where its link has expired. @throws NoodleError */
export async function readResult(
  transport: Transport,
  job: Job | string,
  read: (id: string) => Promise<Job>,
  signal: AbortSignal | undefined,
): Promise<unknown> {
  const known = typeof job === 'string' ? await read(job) : job
  if (known.state !== 'succeeded') {
    const why = known.error ? `: ${known.error.code}, ${known.error.message}` : ''
    throw new NoodleError(`Job ${known.id} has no result, it is ${known.state}${why}.`, {
      code: 'job-not-succeeded',
      isPassing: false,
    })
  }
  if (!known.resultRef || known.result !== null) return known.result
  try {
    return parse(await downloadBytes(transport, known.resultRef, { signal }))
  } catch (error) {
    if (!(error instanceof NoodleError) || error.code !== 'link-not-valid' || typeof job === 'string')
      throw error
    return readResult(transport, job.id, read, signal)
  }
}

const parse = (bytes: Uint8Array): unknown => JSON.parse(new TextDecoder().decode(bytes))
