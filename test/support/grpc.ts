import {
  type ChannelCredentials,
  Client,
  type ClientReadableStream,
  type ClientOptions,
  credentials as channelCredentials,
  makeClientConstructor,
  Metadata,
  type MethodDefinition,
  type ServiceError,
  type StatusObject,
} from '@grpc/grpc-js'
import { openGrpc } from '../../api/grpc/open-grpc.ts'
import { makeNodeSessions } from '../../api/grpc/workers/node-sessions.ts'
import type { HealthClient } from '../../proto/generated/grpc/health/v1/Health.ts'
import type { ServerReflectionClient } from '../../proto/generated/grpc/reflection/v1/ServerReflection.ts'
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
  'grpc.reflection.v1.ServerReflection': ServerReflectionClient
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
  jobs: JobServiceClient
}

/** The gateway with its gRPC side too, on a free port. */
export async function openTestGrpcGateway(settings: Record<string, string> = {}): Promise<TestGrpcGateway> {
  const gateway = await openTestGateway({ GRPC_PORT: '0', ...settings })
  const server = openGrpc(gateway.gateway, makeNodeSessions(), { recheckMs: 100 })
  cleanUp(() => server.stop())
  const address = `127.0.0.1:${String(await server.start())}`
  return { ...gateway, address, jobs: clientOf('noodle.v1.JobService', address) }
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

/** The status of a call that must be refused. */
export const refusalOf = (answer: Promise<unknown>): Promise<ServiceError> =>
  answer.then(
    () => {
      throw new Error('It was not refused.')
    },
    (error: unknown) => error as ServiceError,
  )

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

/** Calls any method with an empty message, or the given one, and resolves with its status once it has one; a stream that goes on is cancelled after its first answer. */
export function statusOf(
  address: string,
  method: MethodDefinition<object, object>,
  sent: Metadata,
  message: object = {},
): Promise<StatusObject> {
  const client = new Client(address, channelCredentials.createInsecure())
  const { path, requestSerialize, responseDeserialize } = method
  let call: ClientReadableStream<object>
  if (method.requestStream) {
    const stream = client.makeBidiStreamRequest(path, requestSerialize, responseDeserialize, sent)
    stream.write(message)
    stream.end()
    call = stream
  } else call = client.makeServerStreamRequest(path, requestSerialize, responseDeserialize, message, sent)
  call.on('data', () => {
    if (method.responseStream) call.cancel()
  })
  call.on('error', () => undefined)
  return new Promise<StatusObject>((resolve) => call.on('status', resolve)).finally(() => client.close())
}
