// The process of a task from a module: node module-process.ts FILE. It speaks the line protocol (docs/worker-protocol.md) for it, one run after the other.
import { writeSync } from 'node:fs'
import { registerHooks } from 'node:module'
import { Socket } from 'node:net'
import { createInterface } from 'node:readline'
import { pathToFileURL } from 'node:url'
import { z } from 'zod'
import { PermanentFailure, type RunContext, type TaskToDefine } from './define-task.ts'
import { isDescribing, setRunEnvironment } from './module-environment.ts'

const [, , file = ''] = process.argv

// Wherever the tasks folder is: these two come with Noodle. A zod of the folder's own is taken first.
registerHooks({
  resolve(specifier, context, next) {
    if (specifier === 'noodle/task') return next(new URL('./define-task.ts', import.meta.url).href, context)
    if (specifier !== 'zod') return next(specifier, context)
    try {
      return next(specifier, context)
    } catch {
      return next(specifier, { ...context, parentURL: import.meta.url })
    }
  },
})

type Task = TaskToDefine<z.ZodType, z.ZodType>

interface Start {
  id: string
  attempt: number
  fence: number
  input: unknown
  lastCheckpoint: RunContext<unknown>['lastCheckpoint']
  gpus: (number | string)[]
  scratch: string
  artifacts: string
  timeoutMs: number
  secrets?: Record<string, string>
}

/** To the worker. At once, and it waits while the pipe is full: so nothing is lost when the task ends the process. */
function tell(message: Record<string, unknown>): void {
  writeSync(3, `${JSON.stringify(message)}\n`)
}

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error))

async function load(): Promise<Task> {
  const module = (await import(pathToFileURL(file).href)) as { default?: Partial<Task> }
  const task = module.default
  if (typeof task?.run !== 'function' || typeof task.name !== 'string')
    throw new Error('it must export defineTask({ name, run, … }) by default')
  return task as Task
}

function describe(task: Task): void {
  const { name, version, description, defaults, secrets, deterministic } = task
  const schema = (type: z.ZodType | undefined, io: 'input' | 'output') =>
    type ? z.toJSONSchema(type, { io, unrepresentable: 'any' }) : {}
  tell({
    type: 'task',
    task: {
      name,
      version,
      description,
      defaults,
      secrets,
      deterministic,
      input: schema(task.input, 'input'),
      output: schema(task.output, 'output'),
    },
  })
}

let run: { controller: AbortController; stored: Map<number, (isStored: boolean) => void> } | undefined

async function begin(loading: Promise<Task>, start: Start): Promise<void> {
  const controller = new AbortController()
  const stored = new Map<number, (isStored: boolean) => void>()
  const mine = (run = { controller, stored })
  const isOver = (): boolean => run !== mine
  let seq = 0
  setRunEnvironment(start)
  process.chdir(start.scratch)

  let last: Record<string, unknown>
  try {
    const task = await loading
    const input = parse(task.input, start.input, 'PAYLOAD_MISFIT', 'The payload does not fit')
    const result = await task.run({
      id: start.id,
      attempt: start.attempt,
      fence: start.fence,
      input,
      signal: controller.signal,
      lastCheckpoint: start.lastCheckpoint,
      gpus: start.gpus,
      scratch: start.scratch,
      artifacts: start.artifacts,
      timeoutMs: start.timeoutMs,
      secrets: { get: (name) => secretOf(start.secrets, name) },
      progress(percent, note) {
        if (!isOver()) tell({ type: 'progress', percent: Math.min(100, Math.max(0, percent)), note })
      },
      log(message, level) {
        if (!isOver()) tell({ type: 'log', message, level })
      },
      heartbeat() {
        if (!isOver()) tell({ type: 'heartbeat' })
      },
      checkpoint(value) {
        if (isOver()) return Promise.resolve()
        tell({ type: 'checkpoint', value, seq: ++seq })
        const kept = new Promise<boolean>((resolve) => stored.set(seq, resolve)).then((isStored) => {
          if (!isStored)
            throw new Error('The checkpoint could not be kept: it is too large, or the job is not ours.')
        })
        kept.catch(() => undefined) // who does not wait for it does not care
        return kept
      },
    })
    last = {
      type: 'result',
      value: parse(task.output, result ?? null, 'RESULT_INVALID', 'The result does not fit'),
    }
    JSON.stringify(last) // here, where its error is the run's
  } catch (error) {
    const code = error instanceof Misfit ? error.code : undefined
    const permanent = code !== undefined || (error instanceof Error && error.name === 'PermanentFailure')
    if (error instanceof Error && error.stack && code === undefined) process.stderr.write(`${error.stack}\n`)
    last = { type: 'error', message: messageOf(error), permanent, code }
  }
  if (isOver()) return
  run = undefined
  process.chdir('/')
  tell(last)
}

function secretOf(secrets: Record<string, string> | undefined, name: string): string {
  const value = secrets && Object.hasOwn(secrets, name) ? secrets[name] : undefined
  if (value !== undefined) return value
  throw new PermanentFailure(`The task does not declare the secret ${name}: add it to secrets of defineTask.`)
}

class Misfit extends Error {
  readonly code: string
  constructor(code: string, message: string) {
    super(message)
    this.code = code
  }
}

/** @throws Misfit naming each field */
function parse(type: z.ZodType | undefined, value: unknown, code: string, what: string): unknown {
  if (!type) return value
  const parsed = type.safeParse(value)
  if (parsed.success) return parsed.data
  const fields = parsed.error.issues.map(({ path, message }) => `${path.join('.') || 'it'}: ${message}`)
  throw new Misfit(code, `${what}: ${fields.join('; ')}.`)
}

function hear(message: { type: string; seq?: number; reason?: string } & Partial<Start>): void {
  switch (message.type) {
    case 'start':
      void begin(loading, message as Start)
      break
    case 'cancel':
      run?.controller.abort(new Error(`The run must end: ${message.reason ?? ''}`))
      break
    case 'stored':
    case 'refused':
      for (const [seq, settle] of run?.stored ?? []) {
        if (seq > (message.seq ?? 0)) continue
        run?.stored.delete(seq)
        settle(message.type === 'stored')
      }
      break
  }
}

// Its worker says before why; the grace that follows is the task's.
process.on('SIGTERM', () => run?.controller.abort(new Error('The run must end.')))

const loading = load()
if (isDescribing()) {
  await loading.then(describe, (error: unknown) => tell({ type: 'error', message: messageOf(error) }))
  process.exit()
}
loading.catch(() => undefined) // told to each run
// A socket: a file would be read by a thread, and a process does not end while a thread of it reads.
createInterface({ input: new Socket({ fd: 4, writable: false }) })
  .on('line', (line) => hear(JSON.parse(line) as Parameters<typeof hear>[0]))
  .on('close', () => process.exit()) // the worker is gone
