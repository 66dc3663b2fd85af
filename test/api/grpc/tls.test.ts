import { expect, test } from '@jest/globals'
import { type ChannelCredentials, credentials, status } from '@grpc/grpc-js'
import { openGrpc } from '../../../api/grpc/open-grpc.ts'
import { makeNodeSessions } from '../../../api/grpc/workers/node-sessions.ts'
import { certificateTest, makeCertificates } from '../../support/certificates.ts'
import { cleanUp } from '../../support/clean-up.ts'
import { answerOf, clientOf, metadata, openTestGrpcGateway, refusalOf } from '../../support/grpc.ts'

certificateTest(
  'TLS, and client certificates where an authority for them is configured (skipped without openssl)',
  async () => {
    const pem = makeCertificates()
    const tls = { GRPC_TLS_CERT: pem('server.crt'), GRPC_TLS_KEY: pem('server.key') }
    const gateway = await openTestGrpcGateway(tls)
    const token = await gateway.tokenOf('user')
    const listTiers = (address: string, channel: ChannelCredentials) => {
      const client = clientOf('noodle.v1.JobService', address, channel)
      return answerOf((done) => client.listTiers({}, metadata(token), { deadline: Date.now() + 5000 }, done))
    }
    const bytes = (name: string): Buffer => Buffer.from(pem(name))
    const trusting = credentials.createSsl(bytes('ca.crt'))
    const plain = gateway.address.replace('127.0.0.1', 'localhost')
    await listTiers(plain, trusting)
    for (const channel of [credentials.createInsecure(), credentials.createSsl(bytes('other.crt'))])
      expect((await refusalOf(listTiers(plain, channel))).code).toBe(status.UNAVAILABLE)

    const config = { ...gateway.gateway.config, GRPC_TLS_CLIENT_CA: pem('ca.crt') }
    const mutual = openGrpc({ ...gateway.gateway, config }, makeNodeSessions())
    cleanUp(() => mutual.stop())
    const address = `localhost:${String(await mutual.start())}`
    await listTiers(address, credentials.createSsl(bytes('ca.crt'), bytes('client.key'), bytes('client.crt')))
    const strange = credentials.createSsl(bytes('ca.crt'), bytes('other.key'), bytes('other.crt'))
    for (const channel of [trusting, strange])
      expect((await refusalOf(listTiers(address, channel))).code).toBe(status.UNAVAILABLE)
  },
)

test('half a TLS configuration does not start', async () => {
  const { gateway } = await openTestGrpcGateway()
  const config = { ...gateway.config, GRPC_TLS_CERT: '-----BEGIN CERTIFICATE-----' }
  await expect(openGrpc({ ...gateway, config }, makeNodeSessions()).start()).rejects.toThrow(
    'TLS for gRPC needs both GRPC_TLS_CERT and GRPC_TLS_KEY.',
  )
})
