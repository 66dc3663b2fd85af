import { createServer } from 'node:http'
import { expect, test } from '@jest/globals'
import { credentials } from '@grpc/grpc-js'
import { silentLogger } from '../../../core/logger.ts'
import { payloadKey } from '../../../queue/domain/blob.ts'
import { makeGatewayClients } from '../../../workers/remote/gateway-client.ts'
import { makePayloadReader } from '../../../workers/remote/payload-reader.ts'
import { aRemoteNode, nodeToken } from '../../api/grpc/workers/a-node.ts'
import { anS3Server } from '../../queue/store/blobs/an-s3-server.ts'
import { cleanUp } from '../../support/clean-up.ts'
import { openTestGrpcGateway } from '../../support/grpc.ts'
import { dispatchJobs } from '../../support/test-queue.ts'
import { listen } from '../../support/listen.ts'

const payload = { large: 'x'.repeat(100_000) }

/** A run whose payload is in S3, and the connection of its node to a gateway with these settings. */
async function aRun(settings: Record<string, string> | 'with links' = 'with links') {
  const s3 = await anS3Server()
  const links = { S3_LINK_ENDPOINT: s3.settings.S3_ENDPOINT }
  const gateway = await openTestGrpcGateway({
    ...s3.settings,
    ...(settings === 'with links' ? links : settings),
  })
  const { deps, address } = gateway
  const token = await gateway.tokenOf('user')
  const { body } = await gateway.call('POST', '/v1/jobs', { token, body: { task: 'echo', payload } })
  const node = aRemoteNode(address, 'far', deps.newId())
  await node.register()
  const work = node.work()
  await work.welcome()
  await work.renew()
  await dispatchJobs(deps)
  const { jobId, fence, payloadRef } = await work.job()
  if (!payloadRef) throw new Error('The payload came with its job.')
  const clients = makeGatewayClients({
    ...{ credentials: credentials.createInsecure(), token: () => nodeToken('far'), leaseMs: () => 10_000 },
  })
  const client = clients.open(address)
  cleanUp(() => client.close())
  const ref = { bytes: Number(payloadRef.bytes), sha256: payloadRef.sha256 }
  const run = { bootId: node.bootId, jobId, fence }
  const { signal } = new AbortController()
  s3.requests.length = 0
  return {
    ...{ s3, gateway, id: body.id as string },
    /** The payload as it came, and how often it was read by a link and how often by the gateway. */
    async read(reader = aReader()) {
      s3.requests.length = 0
      const bytes = await reader.read(client, run, ref, signal)
      expect(JSON.parse(bytes.toString())).toEqual(payload)
      const isLink = (url: string): boolean => url.includes('X-Amz-Signature=')
      const byLink = s3.requests.filter(isLink).length
      return { byLink, byGateway: s3.requests.length - byLink }
    },
  }
}

const aReader = (isTls = false) => makePayloadReader({ isTls, log: silentLogger, silenceMs: 300 })

test('a large payload is read from S3 by a signed link, and not over the gateway', async () => {
  const { s3, read, gateway, id } = await aRun()
  expect(await read()).toEqual({ byLink: 1, byGateway: 0 })
  const [link = ''] = s3.requests
  const at = async (url: string) => {
    const response = await fetch(`${s3.settings.S3_ENDPOINT}${url}`)
    await response.arrayBuffer()
    return response.status
  }
  expect(await at(link)).toBe(200)
  const other = payloadKey({ tenant: 'default', id: gateway.deps.newId() })
  expect(await at(link.replace(payloadKey({ tenant: 'default', id }), other))).toBe(403) // good for the one blob only
  expect(await at(link.replace('X-Amz-Expires=300', 'X-Amz-Expires=3000'))).toBe(403)
})

test('a link that leads nowhere, to something else, or in the clear where all else has TLS is left for the gateway', async () => {
  const { s3, read } = await aRun()
  const reader = aReader()
  s3.breakWith(403, /X-Amz-Signature/)
  expect(await read(reader)).toEqual({ byLink: 1, byGateway: 1 })
  expect(await read(reader)).toEqual({ byLink: 0, byGateway: 1 }) // no more links for a while
  s3.breakWith(200, /X-Amz-Signature/)
  expect(await read()).toEqual({ byLink: 1, byGateway: 1 }) // an empty answer is not the payload
  s3.breakWith(undefined)
  expect(await read(aReader(true))).toEqual({ byLink: 0, byGateway: 1 })
})

test('an object store that can not be reached from the node, or that is silent, costs one try', async () => {
  const silent = await listen(createServer(() => undefined))
  const { read } = await aRun({ S3_LINK_ENDPOINT: `http://${silent.address}` })
  const reader = aReader()
  for (let tries = 0; tries < 2; tries++) expect(await read(reader)).toEqual({ byLink: 0, byGateway: 1 })
  await silent.close()
  expect(await read()).toEqual({ byLink: 0, byGateway: 1 })
})

test('without a place where nodes reach the service of S3_ENDPOINT there are no links', async () => {
  const { read } = await aRun({})
  expect(await read()).toEqual({ byLink: 0, byGateway: 1 })
})
