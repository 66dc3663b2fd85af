import S3rver from '@20minutes/s3rver'
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { cleanUp } from '../../../support/clean-up.ts'
import { listen } from '../../../support/listen.ts'

export interface S3Server {
  /** As configuration. */
  settings: {
    S3_BUCKET: string
    S3_ENDPOINT: string
    S3_ACCESS_KEY_ID: string
    S3_SECRET_ACCESS_KEY: string
  }
  /** The URLs of all requests, without the host. */
  requests: string[]
  /** Answers each request so from now on, or those whose URLs match; undefined as it should. */
  breakWith(status: number | undefined, which?: RegExp): void
}

/**
 * A stand-in for S3 that speaks its real protocol over HTTP, with signatures of version 4, which it verifies: s3rver, in this process. Requests for the
 * bucket as a whole are taken unverified, since it reckons their signature without the slash at the end of their path.
 */
export async function anS3Server(): Promise<S3Server> {
  const directory = mkdtempSync(join(tmpdir(), 'noodle-s3-'))
  const bucket = 'noodle-test'
  const strict = new S3rver({ silent: true, directory, configureBuckets: [{ name: bucket }] })
  const lenient = new S3rver({ silent: true, directory, allowMismatchedSignatures: true })
  await strict.configureBuckets()
  const [serveStrictly, serve] = [strict.callback(), lenient.callback()]
  let broken: { status: number | undefined; which: RegExp } = { status: undefined, which: /./ }
  const requests: string[] = []
  const ofBucket = new RegExp(`^/${bucket}/?(\\?|$)`)
  const server = createServer((request, response) => {
    const { url = '' } = request
    requests.push(url)
    if (broken.status !== undefined && broken.which.test(url)) response.writeHead(broken.status).end()
    else if (ofBucket.test(url)) serve(request, response)
    else serveStrictly(request, response)
  })
  cleanUp(() => rmSync(directory, { recursive: true }))
  const { address } = await listen(server)
  return {
    settings: {
      S3_BUCKET: bucket,
      S3_ENDPOINT: `http://${address}`,
      S3_ACCESS_KEY_ID: 'S3RVER',
      S3_SECRET_ACCESS_KEY: 'S3RVER',
    },
    requests,
    breakWith(status, which = /./) {
      broken = { status, which }
    },
  }
}
