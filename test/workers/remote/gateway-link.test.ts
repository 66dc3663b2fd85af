import { expect, test } from '@jest/globals'
import { credentials } from '@grpc/grpc-js'
import { silentLogger } from '../../../core/logger.ts'
import { makeMetrics } from '../../../core/metrics.ts'
import { makeGatewayClients } from '../../../workers/remote/gateway-client.ts'
import { makeGatewayLink } from '../../../workers/remote/gateway-link.ts'
import { aRemoteNode } from '../../api/grpc/workers/a-node.ts'
import { cleanUp } from '../../support/clean-up.ts'
import { openTestGrpcGateway } from '../../support/grpc.ts'
import { waitFor } from '../../support/wait-for.ts'

const leaseMs = 10_000

/** A node's link to a gateway, with the token that `tokens` has at its end; it counts its connections. */
async function openLink() {
  const gateway = await openTestGrpcGateway()
  const { deps, address } = gateway
  const bootId = deps.newId()
  await aRemoteNode(address, 'far', bootId).register()
  const users = [await gateway.aUser('worker'), await gateway.aUser('worker')]
  const tokens = users.map((user) => gateway.gateway.auth.tokens.issue(user))
  const given = { token: tokens[0] ?? '', endMs: undefined as number | undefined }
  const clients = makeGatewayClients({
    ...{ credentials: credentials.createInsecure(), token: () => given.token, leaseMs: () => leaseMs },
  })
  let connections = 0
  const link = makeGatewayLink({
    ...{ clients, addresses: [address], leaseMs, leastMoveMs: 50, log: silentLogger },
    tokenEndMs: () => given.endMs,
    metrics: { ...makeMetrics(), gatewayConnections: { inc: () => connections++ } as never },
  })
  cleanUp(() => link.stop())
  return { gateway, bootId, link, users, tokens, given, connections: () => connections }
}

test('a stream whose token is not good any more is opened anew with the next one, for the same boot', async () => {
  const { gateway, bootId, link, users, tokens, given, connections } = await openLink()
  link.attach(bootId)
  const first = await link.stream(bootId, 5000)
  const admin = await gateway.tokenOf('admin')
  const disabled = { token: admin, body: { disabled: true } }
  await gateway.call('PATCH', `/v1/users/${users[0]?.id ?? ''}`, disabled)
  await waitFor(() => !first.isOpen(), { what: 'the gateway to end the stream' })
  await expect(link.client().call('GetSettings', {})).rejects.toMatchObject({ code: 'BAD_TOKEN' })
  given.token = tokens[1] ?? ''
  const second = await link.stream(bootId, 5000)
  expect(await second.renew({})).toMatchObject({ isLive: true })
  expect(connections()).toBe(2)
})

test('before its token runs out a node moves to the next one', async () => {
  const { bootId, link, given, connections } = await openLink()
  given.endMs = Date.now() + 2500
  link.attach(bootId)
  const first = await link.stream(bootId, 5000)
  await waitFor(() => connections() === 2, { what: 'the move' })
  expect(Date.now()).toBeLessThan(given.endMs)
  const second = await link.stream(bootId, 5000)
  expect(second).not.toBe(first)
  expect(await second.renew({})).toMatchObject({ isLive: true })
})
