import type { Logger } from '../../core/logger.ts'
import type { Actor, Permission } from '../../queue/domain/user.ts'

/** Who may call: a permission, any who is logged in, or anyone. A method of the protocol without one does not let the gateway start. */
export type Access = Permission | 'authenticated' | 'anyone'

/** A call that was authenticated, counted and allowed. */
export interface GrpcCall {
  /** Undefined only where anyone may call. */
  actor: Actor | undefined
  /** Address of the client, behind the trusted proxies. */
  address: () => string
  requestId: () => string
  log: () => Logger
  /** Aborts when the client goes away or its deadline has passed; a stream's also when the gateway stops or its token is not valid any more. */
  gone: () => AbortSignal
  /** A text that came with the call; undefined without one. */
  metadata(name: string): string | undefined
}

interface Common {
  access: Access
  /** Not limited by the general rate limit: it must always answer. */
  isUnlimited?: boolean
}

/** Where what proto-loader does with messages would cost a method too much. */
interface OwnMessages<Req, Res> {
  /** Reads a message that came; undefined for bytes that proto-loader shall read. */
  read?: (bytes: Buffer) => Req | undefined
  /** The bytes of an answer. */
  write?: (response: Res) => Buffer
}

/** Sends an answer of a stream. Resolves when there is room for the next one. */
export type Send<Res> = (response: Res) => Promise<void>

export interface UnaryMethod<Req = never, Res = never> extends Common, OwnMessages<Req, Res> {
  kind: 'unary'
  /** Called before the message is read, for refusals that it can't change. */
  admit?: () => void
  handle(call: GrpcCall, request: Req): Promise<Res>
}

/** The stream ends when `handle` resolves. */
export interface ServerStreamMethod<Req = never, Res = never> extends Common, OwnMessages<Req, Res> {
  kind: 'server-stream'
  handle(call: GrpcCall, request: Req, send: Send<Res>): Promise<void>
}

/** `requests` ends when the client has said all; the answer comes when `handle` resolves. */
export interface ClientStreamMethod<Req = never, Res = never> extends Common, OwnMessages<Req, Res> {
  kind: 'client-stream'
  handle(call: GrpcCall, requests: AsyncIterable<Req>): Promise<Res>
}

/** The stream ends when `handle` resolves; `requests` ends when the client has said all. */
export interface BidiMethod<Req = never, Res = never> extends Common, OwnMessages<Req, Res> {
  kind: 'bidi'
  handle(call: GrpcCall, requests: AsyncIterable<Req>, send: Send<Res>): Promise<void>
}

export type Method = UnaryMethod | ServerStreamMethod | ClientStreamMethod | BidiMethod

/** A service of the protocol with a method for each of its names. */
export interface Service {
  /** With its package, such as `noodle.v1.JobService`. */
  name: string
  methods: Readonly<Record<string, Method>>
}

export const unary = <Req, Res>(method: Omit<UnaryMethod<Req, Res>, 'kind'>): UnaryMethod =>
  ({ kind: 'unary', ...method }) as unknown as UnaryMethod

export const serverStream = <Req, Res>(
  method: Omit<ServerStreamMethod<Req, Res>, 'kind'>,
): ServerStreamMethod => ({ kind: 'server-stream', ...method }) as unknown as ServerStreamMethod

export const clientStream = <Req, Res>(
  method: Omit<ClientStreamMethod<Req, Res>, 'kind'>,
): ClientStreamMethod => ({ kind: 'client-stream', ...method }) as unknown as ClientStreamMethod

export const bidi = <Req, Res>(method: Omit<BidiMethod<Req, Res>, 'kind'>): BidiMethod =>
  ({ kind: 'bidi', ...method }) as unknown as BidiMethod

/** The actor of a call that only who is logged in can make. */
export function actorOf(call: Pick<GrpcCall, 'actor'>): Actor {
  if (!call.actor) throw new Error('This method lets anyone in, so it has no actor.')
  return call.actor
}
