import type { GrpcRequest } from './grpc-load.ts'

/** What a bench compares: a way to take jobs over HTTP (or without) and to run them. All contenders use the same Redis and Postgres, one after the other. */
export interface Contender {
  name: string
  /** Part of the jobs that it is given, of one that would take minutes over all of them; what is measured are rates. Default 1. */
  share?: number
  /** Empties its stores and makes what it needs in them. */
  reset(): Promise<void>
  /** Undefined where there is no HTTP: then `add` stands for a submission. */
  startGateway?: () => Promise<Gateway>
  /** Adds jobs without HTTP, many at once; undefined where none are kept. */
  fill?: (count: number) => Promise<void>
  /** Adds one job without HTTP and answers with its id; where there is no gateway. */
  addOne?: () => Promise<string>
  /** Starts what moves waiting jobs about, without workers; undefined where there is nothing of the kind. */
  startBackground?: () => Promise<Running>
  /** `onStart` hears when the handler of a job begins, in ms since the epoch. Undefined where nothing runs jobs. */
  startWorkers?: (onStart?: (id: string, atMs: number) => void) => Promise<Workers>
}

/** One that keeps jobs and runs them. */
export type JobPlatform = Contender & Required<Pick<Contender, 'fill' | 'startWorkers'>>

export interface Gateway extends Running {
  /** A submission of one job. */
  request: { url: string; headers: Record<string, string>; body: string }
  /** A submission of many; undefined where there is none. */
  batch?: (count: number) => { url: string; headers: Record<string, string>; body: string }
  /** The same over gRPC; undefined where there is none. */
  grpc?: {
    submit: GrpcRequest
    /** Messages of `count` jobs each, over so many streams; resolves with how many jobs a second were answered as stored. */
    submitStream(load: StreamLoad): Promise<number>
  }
}

export interface StreamLoad {
  streams: number
  messages: number
  count: number
}

export interface Workers extends Running {
  /** Jobs finished since the start. */
  finished(): Promise<number>
}

export interface Running {
  /** Process ids by what they are, for CPU time. */
  pids: Record<string, number>
  stop(): Promise<void>
}

/** About 200 bytes as JSON, as a small request for inference might be. */
export const payload = {
  model: 'whisper-small',
  input: 's3://recordings/2026/11/23/0c9f1c52-6a1e-4f53-9a57-5b8e6b1f2a11.flac',
  language: 'de',
  options: { beam: 5, temperature: 0.2, timestamps: true, callback: 'none', chunk: 30 },
}

/** Jobs that a worker process runs at once, for every contender. */
export const concurrency = 128
