import {
  type ChannelCredentials,
  type ClientOptions,
  credentials as channelCredentials,
  makeClientConstructor,
  Metadata,
  type ServiceError,
} from '@grpc/grpc-js'
import { allServices } from '../../api/grpc/all-services.ts'
import { makeGrpcServer } from '../../api/grpc/grpc-server.ts'
import { makeNodeSessions } from '../../api/grpc/workers/node-sessions.ts'
import type { Service } from '../../api/grpc/method.ts'
import { makeReadiness } from '../../api/readiness.ts'
import type { HealthClient } from '../../proto/generated/grpc/health/v1/Health.ts'
import type { Status__Output } from '../../proto/generated/google/rpc/Status.ts'
import type { JobServiceClient } from '../../proto/generated/noodle/v1/JobService.ts'
import type { WorkerServiceClient } from '../../proto/generated/noodle/v1/WorkerService.ts'
import { loadProtocol, messageOf, serviceOf } from '../../proto/load-protocol.ts'
import { cleanUp } from './clean-up.ts'
import { openTestGateway, type TestGateway } from './gateway.ts'

export const protocol = loadProtocol()

interface Clients {
  'noodle.v1.JobService': JobServiceClient
  'noodle.v1.WorkerService': WorkerServiceClient
  'grpc.health.v1.Health': HealthClient
}

/** A client of a service of ours; it is closed after the test. */
export function clientOf<Name extends keyof Clients>(
  name: Name,
  address: string,
  credentials: ChannelCredentials = channelCredentials.createInsecure(),
  options: ClientOptions = {},
): Clients[Name] {
  const Client = makeClientConstructor(serviceOf(protocol, name), name)
  const client = new Client(address, credentials, options)
  cleanUp(() => client.close())
  return client as unknown as Clients[Name]
}

export interface TestGrpcGateway extends TestGateway {
  address: string
  services: Service[]
  jobs: JobServiceClient
}

/** The gateway with its gRPC side too, on a free port. */
export async function openTestGrpcGateway(settings: Record<string, string> = {}): Promise<TestGrpcGateway> {
  const gateway = await openTestGateway({ GRPC_PORT: '0', ...settings })
  const services = allServices(gateway.gateway, makeReadiness(gateway.gateway, '0'), makeNodeSessions())
  const server = makeGrpcServer(gateway.gateway, protocol, services)
  cleanUp(() => server.stop())
  const address = `127.0.0.1:${String(await server.start())}`
  return { ...gateway, address, services, jobs: clientOf('noodle.v1.JobService', address) }
}

/** Metadata of a call, with a token and what else goes with it. */
export function metadata(token?: string, more: Record<string, string> = {}): Metadata {
  const made = new Metadata()
  if (token !== undefined) made.set('authorization', `Bearer ${token}`)
  for (const [name, value] of Object.entries(more)) made.set(name, value)
  return made
}

/** What a unary call answers. Rejects with its status. */
export const answerOf = <T>(
  call: (callback: (error: ServiceError | null, answer?: T) => void) => unknown,
): Promise<T> =>
  new Promise((resolve, reject) => {
    call((error, answer) => {
      if (error) reject(error)
      else resolve(answer as T)
    })
  })

/** What a failed call tells in its details, by the names of their types. */
export function detailsOf(error: ServiceError): Record<string, object> {
  const [bytes] = error.metadata.get('grpc-status-details-bin')
  const { details } = messageOf(protocol, 'google.rpc.Status').deserialize(bytes as Buffer) as Status__Output
  return Object.fromEntries(
    details.map(({ type_url, value }) => {
      const type = type_url.slice(type_url.lastIndexOf('/') + 1)
      return [type.slice(type.lastIndexOf('.') + 1), messageOf(protocol, type).deserialize(value)]
    }),
  )
}
