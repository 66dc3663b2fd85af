// The process of a task that is a function of a C library: node ffi-process.ts SPEC. It speaks the line protocol (docs/worker-protocol.md) for it, one
// run after the other. While the function runs nothing else does: so it has no handler for SIGTERM, and ends by it at once.
import { createHash } from 'node:crypto'
import { readFileSync, writeSync } from 'node:fs'
import { Socket } from 'node:net'
import { createInterface } from 'node:readline'
import koffi from 'koffi'
import type { Json } from '../queue/domain/job.ts'
import { inputSchema, inputsOf, outputSchema, outputsOf } from './ffi/ffi-schema.ts'
import type { FfiSpec } from './ffi/ffi-spec.ts'
import { Misfit, toC, toJson } from './ffi/ffi-values.ts'
import { isOverrun, koffiType, makeMemory, type Memory, put, readMemory } from './ffi/memory.ts'
import { readSignature, returned } from './ffi/signature.ts'
import { isDescribing, setRunEnvironment } from './module-environment.ts'

const spec = JSON.parse(process.argv[2] ?? '') as FfiSpec & { path: string; sha256: string | null }

/** What C programs have for their stack; koffi gives a call a stack of its own. */
const stackBytes = 8 * 1024 * 1024

interface Start {
  id: string
  attempt: number
  fence: number
  input: Json
  gpus: number[]
  scratch: string
  artifacts: string
}

/** A failure that another attempt would meet too. */
class Overrun extends Error {}

/** To the worker. At once, and it waits while the pipe is full. */
function tell(message: Record<string, unknown>): void {
  writeSync(3, `${JSON.stringify(message)}\n`)
}

/** @throws Error that says why the function can't be called */
function load() {
  const signature = readSignature(spec.ffi)
  if (
    spec.sha256 !== null &&
    createHash('sha256').update(readFileSync(spec.path)).digest('hex') !== spec.sha256
  )
    throw new Error(`${spec.path} is not the file any more that TASK_FFI_ALLOW names by its sha256`)
  koffi.config({ sync_stack_size: stackBytes })
  const library = koffi.load(spec.path)
  const { name, returns, parameters } = signature
  const call = found(name, () =>
    library.func(
      name,
      returns.isText ? 'str' : koffiType(returns.type),
      parameters.map(({ shape, type }) => (shape === 'none' ? koffiType(type) : 'void *')),
    ),
  )
  for (const one of parameters)
    if (one.shape === 'none' && one.value !== undefined) toC(one.value, one.type, `params.${one.name}.value`)
  // What the library has printed stands in a buffer of C's.
  const flush = koffi.load(null).func('fflush', 'int', ['void *'])

  return {
    signature,
    /** @throws Misfit, Overrun, Error */
    run(input: Json): Json {
      const given = readInput(input)
      const memories = new Map<string, Memory>()
      const lengthOf = (target: string): number => memories.get(target)?.length ?? 0
      for (const parameter of parameters) {
        if (parameter.shape === 'none' || parameter.value === null) continue
        const { length } = parameter
        const most =
          typeof length === 'string'
            ? Number(toC(given[length], { kind: 'integer', bytes: 8, isSigned: false }, length))
            : length
        memories.set(parameter.name, makeMemory(parameter, given[parameter.name], most))
      }
      const args = parameters.map((parameter) => {
        const memory = memories.get(parameter.name)
        if (memory && parameter.lengthOf !== null)
          put(memory, 0, parameter.type, lengthOf(parameter.lengthOf), parameter.name)
        if (parameter.shape !== 'none') return memory?.buffer ?? null
        if (parameter.lengthOf !== null)
          return toC(lengthOf(parameter.lengthOf), parameter.type, parameter.name)
        return toC(parameter.value ?? given[parameter.name], parameter.type, parameter.name)
      })

      koffi.errno(0)
      const value: unknown = call(...args)
      const errno = koffi.errno()
      flush(null)
      for (const [at, memory] of memories)
        if (isOverrun(memory))
          throw new Overrun(`${name} has written beyond the end of ${at}, which is too small for it.`)
      checkReturned(value, errno)

      const countOf = ({ resultLength }: (typeof parameters)[number], memory: Memory): number => {
        if (resultLength === null) return memory.capacity
        if (resultLength === returned) return Number(value)
        const counter = parameters.find((other) => other.name === resultLength)
        const at = memories.get(resultLength)
        return counter && at ? Number(readMemory(at, counter, 1)) : memory.capacity
      }
      return {
        ...(returns.isText || returns.type.kind !== 'void' ? { [returned]: toJson(value) } : {}),
        ...Object.fromEntries(
          outputsOf(signature).flatMap((one) => {
            const memory = memories.get(one.name)
            return memory ? [[one.name, readMemory(memory, one, countOf(one, memory))]] : []
          }),
        ),
      }
    },
  }

  function readInput(input: Json): Record<string, Json> {
    const wanted = inputsOf(signature)
    if (input === null && wanted.length === 0) return {}
    if (typeof input !== 'object' || input === null || Array.isArray(input))
      throw new Misfit(`it must be an object with ${wanted.map((one) => one.name).join(', ') || 'no fields'}`)
    const strange = Object.keys(input).find((key) => !wanted.some((one) => one.name === key))
    if (strange !== undefined) throw new Misfit(`${strange} is no parameter of ${name} that a job gives`)
    const missing = wanted.find((one) => !Object.hasOwn(input, one.name))
    if (missing) throw new Misfit(`${missing.name} is missing`)
    return input
  }

  function checkReturned(value: unknown, errno: number): void {
    const number = value === null ? 0 : Number(value)
    const hasFailed = { negative: number < 0, zero: number === 0, nonzero: number !== 0 }
    const { failsWhen } = signature
    if (failsWhen === null || !hasFailed[failsWhen]) return
    const [symbol] = Object.entries(koffi.os.errno).find(([, code]) => code === errno) ?? []
    throw new Error(`${name} returned ${String(value)}${symbol === undefined ? '' : ` (${symbol})`}.`)
  }
}

function found<T>(name: string, find: () => T): T {
  try {
    return find()
  } catch (error) {
    if (error instanceof Error && /^Cannot find function/.test(error.message))
      throw new Error(`${spec.path} has no function ${name}`, { cause: error })
    throw error
  }
}

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error))

function begin(start: Start): void {
  setRunEnvironment(start)
  process.chdir(start.scratch)
  let last: Record<string, unknown>
  try {
    if ('failure' in loaded) throw loaded.failure
    last = { type: 'result', value: loaded.task.run(start.input) }
  } catch (error) {
    last =
      error instanceof Misfit
        ? {
            type: 'error',
            message: `The payload does not fit: ${error.message}.`,
            permanent: true,
            code: 'PAYLOAD_MISFIT',
          }
        : { type: 'error', message: messageOf(error), permanent: error instanceof Overrun }
  }
  process.chdir('/')
  tell(last)
}

function loadOrFail(): { task: ReturnType<typeof load> } | { failure: Error } {
  try {
    return { task: load() }
  } catch (error) {
    return { failure: error instanceof Error ? error : new Error(String(error)) }
  }
}

const loaded = loadOrFail()
if (isDescribing()) {
  if ('failure' in loaded) tell({ type: 'error', message: loaded.failure.message })
  else {
    const { ffi: _ffi, path: _path, sha256: _sha256, input, output, ...described } = spec
    const { signature } = loaded.task
    tell({
      type: 'task',
      task: {
        ...described,
        input: input ?? inputSchema(signature),
        output: output ?? outputSchema(signature),
      },
    })
  }
  process.exit()
}
// A socket: a file would be read by a thread, and a process does not end while a thread of it reads.
createInterface({ input: new Socket({ fd: 4, writable: false }) })
  .on('line', (line) => {
    const message = JSON.parse(line) as { type: string }
    if (message.type === 'start') begin(message as unknown as Start)
  })
  .on('close', () => process.exit()) // the worker is gone
