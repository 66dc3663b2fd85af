import { once } from 'node:events'
import {
  type ChannelCredentials,
  type Client,
  type ClientDuplexStream,
  makeClientConstructor,
  Metadata,
  type ServiceError,
} from '@grpc/grpc-js'
import type { MethodDefinition } from '@grpc/proto-loader'
import type { BlobPiece__Output } from '../../proto/generated/noodle/v1/BlobPiece.ts'
import type {
  WorkerServiceClient,
  WorkerServiceDefinition,
} from '../../proto/generated/noodle/v1/WorkerService.ts'
import type { WorkRequest } from '../../proto/generated/noodle/v1/WorkRequest.ts'
import type { WorkResponse__Output } from '../../proto/generated/noodle/v1/WorkResponse.ts'
import type { StoreBlobResponse__Output } from '../../proto/generated/noodle/v1/StoreBlobResponse.ts'
import { loadProtocol, serviceOf } from '../../proto/load-protocol.ts'
import { makeToQueueError } from './call-errors.ts'

type RequestOf<Name extends keyof WorkerServiceDefinition> =
  WorkerServiceDefinition[Name] extends MethodDefinition<infer Req, infer _, infer __, infer ___>
    ? Req
    : never
type AnswerOf<Name extends keyof WorkerServiceDefinition> =
  WorkerServiceDefinition[Name] extends MethodDefinition<infer _, infer __, infer ___, infer Res>
    ? Res
    : never
export type UnaryName = Exclude<keyof WorkerServiceDefinition, 'Work' | 'ReadPayload' | 'StoreBlob'>

export type WorkCall = ClientDuplexStream<WorkRequest, WorkResponse__Output>

/** What a call may take, unless it says otherwise. */
const callDeadlineMs = 10_000
/** How long large things may take. */
const blobDeadlineMs = 600_000
/** Larger than what a gateway sends by default. */
const mostMessageBytes = 16_777_216
/** What a gateway may send ahead; HTTP/2's own 64 KiB would have large payloads, and jobs with them, wait at each piece. */
const windowBytes = 1_048_576

/** The connections to a gateway at an address. Calls reject with the error that the gateway met, or GATEWAY_UNAVAILABLE. */
export interface GatewayClient {
  readonly address: string
  work(): WorkCall
  call<Name extends UnaryName>(
    name: Name,
    request: RequestOf<Name>,
    options?: { deadlineMs?: number; signal?: AbortSignal },
  ): Promise<AnswerOf<Name>>
  /** A payload, in pieces; or a link to it. */
  readPayload(request: RequestOf<'ReadPayload'>, signal: AbortSignal): AsyncIterable<BlobPiece__Output>
  storeBlob(
    head: NonNullable<RequestOf<'StoreBlob'>['head']>,
    pieces: AsyncIterable<Buffer> | Iterable<Buffer>,
    signal: AbortSignal,
  ): Promise<StoreBlobResponse__Output>
  close(): void
}

export interface GatewayClients {
  open(address: string): GatewayClient
  /** The error that the gateway met, of what a stream ended with. */
  toError: (error: ServiceError) => Error
}

/** @param token is asked before each call, since tokens are renewed */
export function makeGatewayClients(options: {
  credentials: ChannelCredentials
  token: () => string
  leaseMs: () => number
}): GatewayClients {
  const protocol = loadProtocol()
  const definition = serviceOf(protocol, 'noodle.v1.WorkerService')
  const Constructor = makeClientConstructor(definition, 'WorkerService')
  const toError = makeToQueueError(protocol)

  function connect(address: string): Client {
    const leaseMs = options.leaseMs()
    return new Constructor(address, options.credentials, {
      'grpc.use_local_subchannel_pool': 1, // a connection that hangs must not be used again
      'grpc.keepalive_time_ms': Math.max(1000, leaseMs / 2),
      'grpc.keepalive_timeout_ms': Math.max(500, leaseMs / 4),
      'grpc.max_receive_message_length': mostMessageBytes,
      'grpc-node.flow_control_window': windowBytes,
      'grpc.enable_retries': 0,
      'grpc.enable_channelz': 0,
    })
  }

  function metadata(): Metadata {
    const made = new Metadata()
    made.set('authorization', `Bearer ${options.token()}`)
    return made
  }

  return {
    toError,
    open(address) {
      // Large things go over a connection of their own, so that no renewal waits behind them.
      const [work, bulk] = [connect(address), connect(address)]
      const typed = work as unknown as WorkerServiceClient
      const large = bulk as unknown as WorkerServiceClient
      const deadlineIn = (ms: number): { deadline: number } => ({ deadline: Date.now() + ms })

      return {
        address,
        work: () => typed.work(metadata()),
        call(name, request, { deadlineMs = callDeadlineMs, signal } = {}) {
          type Res = AnswerOf<typeof name>
          const method = definition[name]
          return new Promise<Res>((resolve, reject) => {
            const call = bulk.makeUnaryRequest<typeof request, Res>(
              method.path,
              method.requestSerialize as (value: typeof request) => Buffer,
              method.responseDeserialize as (bytes: Buffer) => Res,
              request,
              metadata(),
              deadlineIn(deadlineMs),
              (error, answer) => {
                signal?.removeEventListener('abort', cancel)
                if (error) reject(toError(error))
                else resolve(answer as Res)
              },
            )
            const cancel = (): void => call.cancel()
            signal?.addEventListener('abort', cancel)
          })
        },
        async *readPayload(request, signal) {
          const call = large.readPayload(request, metadata(), deadlineIn(blobDeadlineMs))
          const cancel = (): void => call.cancel()
          signal.addEventListener('abort', cancel)
          try {
            yield* call as AsyncIterable<BlobPiece__Output>
          } catch (error) {
            throw toError(error as ServiceError)
          } finally {
            signal.removeEventListener('abort', cancel)
            call.cancel()
          }
        },
        async storeBlob(head, pieces, signal) {
          let settle: { resolve: (answer: StoreBlobResponse__Output) => void; reject: (error: Error) => void }
          const answered = new Promise<StoreBlobResponse__Output>((resolve, reject) => {
            settle = { resolve, reject }
          })
          answered.catch(() => undefined)
          const state = { isAnswered: false }
          const call = large.storeBlob(metadata(), deadlineIn(blobDeadlineMs), (error, answer) => {
            state.isAnswered = true
            call.emit('drain') // who waits for room waits no longer
            if (error) settle.reject(toError(error))
            else if (answer) settle.resolve(answer)
          })
          const cancel = (): void => call.cancel()
          signal.addEventListener('abort', cancel)
          try {
            call.write({ head })
            for await (const piece of pieces) {
              if (state.isAnswered) break
              if (!call.write({ data: piece })) await once(call, 'drain')
            }
            call.end()
            return await answered
          } finally {
            signal.removeEventListener('abort', cancel)
            if (!state.isAnswered) call.cancel()
          }
        },
        close() {
          work.close()
          bulk.close()
        },
      }
    },
  }
}
