import {
  Server,
  ServerCredentials,
  ServerInterceptingCall,
  type ServerInterceptor,
  type UntypedServiceImplementation,
} from '@grpc/grpc-js'
import type { PackageDefinition } from '@grpc/proto-loader'
import { servicesOf } from '../../proto/load-protocol.ts'
import type { GatewayDeps } from '../gateway-deps.ts'
import { widenConnections } from './flow-control.ts'
import type { Method, Service } from './method.ts'
import type { Served } from './open-call.ts'
import { makeOpenStreams } from './open-streams.ts'
import { serveCall } from './serve-call.ts'
import { type StatusMaker, stopping } from './to-status.ts'

/** A connection whose other end is gone without a word is noticed after these two. */
const keepalive = { 'grpc.keepalive_time_ms': 60_000, 'grpc.keepalive_timeout_ms': 20_000 }

/** How long calls may go on after `stop`. */
const cutOffMs = 5000

/** What is spoken, and who answers. */
export interface Offer {
  protocol: PackageDefinition
  statuses: StatusMaker
  services: readonly Service[]
  /** How often open streams are asked whether their token still holds, in ms; default 5000. */
  recheckMs?: number
  /** Whose port and certificates it has: those of the options that begin so; default GRPC. */
  door?: 'GRPC' | 'KEDA'
}

export interface GrpcServer {
  /** Listens. @returns the port. @throws Error that names GRPC_PORT when it is taken, or what is wrong with the certificates */
  start(): Promise<number>
  /** Takes no more calls, ends streams, and resolves when those that were in flight have their answer. Twice is harmless. */
  stop(): Promise<void>
}

/**
 * A gRPC side of the gateway.
 * @throws Error when a method of the protocol has no implementation with a declared access, or an implementation no method
 */
export function makeGrpcServer(
  deps: GatewayDeps,
  { protocol, statuses, services, recheckMs = 5000, door = 'GRPC' }: Offer,
): GrpcServer {
  const { config } = deps
  const served = new Map<string, Served>()
  const streams = makeOpenStreams(deps, recheckMs)
  const callServer = { deps, statuses, streams }

  // From here on the call is ours: grpc-js' own handlers, which would read a message before anybody asked who sent it, hear nothing of it.
  const takeOver: ServerInterceptor = (descriptor, base) =>
    new ServerInterceptingCall(base, {
      start() {
        const found = served.get(descriptor.path)
        if (found) serveCall(callServer, found, base)
      },
    })

  const server = new Server({
    ...keepalive,
    interceptors: [takeOver],
    'grpc.max_receive_message_length': config.GRPC_MESSAGE_LIMIT_BYTES,
    'grpc.max_concurrent_streams': config.GRPC_STREAMS_PER_CONNECTION,
    'grpc.enable_channelz': 0,
  })
  for (const [name, definition] of servicesOf(protocol)) {
    const methods = services.find((service) => service.name === name)?.methods ?? {}
    const raw = Object.entries(definition).map(([key, found]) => {
      const method = checked(`${name}/${key}`, found, methods[key])
      const read = method.read as ((bytes: Buffer) => object | undefined) | undefined
      served.set(found.path, {
        name: `${name}/${key}`,
        method,
        decode: (bytes) => read?.(bytes) ?? (found.requestDeserialize(bytes) as object),
        encode: (response) => method.write?.(response as never) ?? found.responseSerialize(response),
      })
      // Bytes, for messages are read after the call was admitted.
      const asBytes = {
        requestDeserialize: (bytes: Buffer) => bytes,
        responseSerialize: (bytes: Buffer) => bytes,
      }
      return [key, { ...found, ...asBytes }] as const
    })
    for (const key of Object.keys(methods))
      if (!(key in definition)) throw new Error(`The protocol has no method ${name}/${key}.`)
    const unused: UntypedServiceImplementation = Object.fromEntries(
      raw.map(([key]) => [key, () => undefined]),
    )
    server.addService(Object.fromEntries(raw), unused)
  }

  let endWidening: (() => void) | undefined
  let stopped: Promise<void> | undefined

  async function stop(): Promise<void> {
    await streams.stop()
    const closed = new Promise<void>((resolve) => server.tryShutdown(() => resolve()))
    streams.endAll(stopping())
    const cutOff = setTimeout(() => server.forceShutdown(), cutOffMs)
    await closed
    clearTimeout(cutOff)
    endWidening?.()
  }

  return {
    async start() {
      endWidening ??= widenConnections()
      const port = await bind(server, config, door)
      await streams.start()
      return port
    },
    stop: () => (stopped ??= stop()),
  }
}

/** Deny by default. */
function checked(
  name: string,
  { requestStream, responseStream }: { requestStream: boolean; responseStream: boolean },
  method: Method | undefined,
): Method {
  const kind = requestStream
    ? responseStream
      ? 'bidi'
      : 'client-stream'
    : responseStream
      ? 'server-stream'
      : 'unary'
  if (!method || !(method.access as unknown))
    throw new Error(`The method ${name} of the protocol has no implementation that says who may call it.`)
  if (method.kind !== kind)
    throw new Error(`The method ${name} is ${kind}, and its implementation ${method.kind}.`)
  return method
}

function bind(server: Server, config: GatewayDeps['config'], door: 'GRPC' | 'KEDA'): Promise<number> {
  const { HOST, [`${door}_PORT` as const]: port } = config
  const host = HOST.includes(':') ? `[${HOST}]` : HOST
  const credentials = credentialsOf(config, door)
  return new Promise((resolve, reject) => {
    server.bindAsync(`${host}:${String(port)}`, credentials, (error, bound) => {
      if (!error) resolve(bound)
      else if (error.message.includes('EADDRINUSE'))
        reject(
          new Error(
            `Port ${String(port)} for gRPC is taken. Free it, or set ${door}_PORT to another; 0 listens nowhere.`,
          ),
        )
      else reject(error)
    })
  })
}

function credentialsOf(config: GatewayDeps['config'], door: 'GRPC' | 'KEDA'): ServerCredentials {
  const cert = config[`${door}_TLS_CERT`]
  const key = config[`${door}_TLS_KEY`]
  const clientCa = config[`${door}_TLS_CLIENT_CA`]
  if (cert === undefined && key === undefined && clientCa === undefined)
    return ServerCredentials.createInsecure()
  if (cert === undefined || key === undefined)
    throw new Error(`TLS for gRPC needs both ${door}_TLS_CERT and ${door}_TLS_KEY.`)
  const pair = { cert_chain: Buffer.from(cert), private_key: Buffer.from(key) }
  return ServerCredentials.createSsl(
    clientCa === undefined ? null : Buffer.from(clientCa),
    [pair],
    clientCa !== undefined,
  )
}
