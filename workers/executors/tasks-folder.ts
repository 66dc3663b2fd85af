import { readdirSync, readFileSync } from 'node:fs'
import { dirname, isAbsolute, join, resolve } from 'node:path'
import { z } from 'zod'
import type { Logger } from '../../core/logger.ts'
import { manifestContainer } from '../../queue/domain/container-task.ts'
import type { TaskKind } from '../../queue/domain/node.ts'
import type { Task } from '../task.ts'
import { findAllInPath } from './allowed-programs.ts'
import { withCheckedResult } from './checked-result.ts'
import { describeTask } from './describe-task.ts'
import { type AllowedLibraries, makeFfiProgram } from './ffi-task.ts'
import { makeModuleTask, moduleProgram, type ModuleTaskOptions } from './module-task.ts'
import { makeProcessTask, type TaskProgram } from './process-task.ts'
import { makeContainerTaskOf } from './container.ts'
import type { Containers } from './containers.ts'
import { makePythonProgram } from './python-task.ts'
import { toTaskOffer } from './task-definition.ts'

export interface TasksFolderOptions extends ModuleTaskOptions {
  folders: readonly string[]
  /** The interpreter of Python tasks: a name, a path, or the folder of a virtual environment. */
  python: string
  /** C libraries that manifests may name. */
  libraries: AllowedLibraries
  /** Names that are taken. */
  reserved: readonly string[]
  /** Whether this node has a key for secrets; else it offers no task that uses some. */
  hasSecrets: boolean
  containers: Containers
  /** Largest result of a container, as JSON. */
  resultBytes: number
  log: Logger
}

const kinds: readonly { ending: RegExp; kind: TaskKind }[] = [
  { ending: /\.task\.(ts|mts|js|mjs)$/, kind: 'module' },
  { ending: /\.task\.py$/, kind: 'python' },
  { ending: /\.task\.json$/, kind: 'program' },
]

/** Files that are read at once; each may be a process. */
const atOnce = 2
const deepest = 8

/** The manifest of a task in any language; what describes the task stands beside `run`. */
const manifest = z.looseObject({
  run: z.array(z.string().min(1)).min(1),
  env: z.record(z.string(), z.string()).default({}),
})

/** The same of a task whose runs are containers. */
const containerManifest = z.looseObject({
  container: manifestContainer,
  run: z.never('stands beside `container`: a task has one of them').optional(),
  env: z.never('belongs into `container`').optional(),
  defaults: z
    .looseObject({ silenceMs: z.never('needs the line protocol, which containers do not speak').optional() })
    .optional(),
})

/** Reads the tasks of the folders. A file that can't be read as a task is told and left out: it must not keep the others from running. */
export async function readTasksFolders(options: TasksFolderOptions): Promise<Task[]> {
  const { log } = options
  const files = options.folders.flatMap((folder) => findTaskFiles(resolve(folder), log))
  const tasks = new Map<string, Task>()
  const origins = new Map<string, string>(options.reserved.map((name) => [name, 'Noodle itself']))
  const left = [...files]

  async function readNext(): Promise<void> {
    for (let file = left.shift(); file; file = left.shift()) {
      try {
        const task = await readTask(file, options)
        const { name } = task.offer
        const origin = origins.get(name)
        if (origin) throw new Error(`its name ${name} is that of a task of ${origin}`)
        if (task.offer.secrets && !options.hasSecrets)
          throw new Error(`it uses secrets (${task.offer.secrets.join(', ')}), and SECRETS_KEY is not set`)
        origins.set(name, file.path)
        tasks.set(name, task)
        log.info('task found', {
          task: name,
          version: task.offer.version,
          kind: task.offer.kind,
          file: file.path,
        })
      } catch (error) {
        const reason = error instanceof Error ? error.message : String(error)
        log.error('a task file can not be used and is left out', { file: file.path, reason })
      }
    }
  }

  await Promise.all(Array.from({ length: atOnce }, readNext))
  return [...tasks.values()].sort((a, b) => a.offer.name.localeCompare(b.offer.name))
}

interface TaskFile {
  path: string
  kind: TaskKind
}

async function readTask({ path, kind }: TaskFile, options: TasksFolderOptions): Promise<Task> {
  if (kind === 'program') {
    const json: unknown = JSON.parse(readFileSync(path, 'utf8'))
    if (isFfiManifest(json)) {
      const program = makeFfiProgram(path, json, options.libraries)
      return makeModuleTask(toTaskOffer(await describeTask(program, options), 'ffi'), program, options)
    }
    if (typeof json === 'object' && json !== null && 'container' in json)
      return checked(containerTaskOf(json, options), options)
    const { run, env } = read(manifest, json)
    const offer = toTaskOffer(json, kind)
    return checked(makeProcessTask(offer, programOf(path, run, env, options), options), options)
  }
  const program = kind === 'python' ? makePythonProgram(path, options) : moduleProgram(path)
  const offer = toTaskOffer(await describeTask(program, options), kind)
  return kind === 'python'
    ? checked(makeProcessTask(offer, program, options), options)
    : makeModuleTask(offer, program, options)
}

function containerTaskOf(json: object, options: TasksFolderOptions): Task {
  const { container } = read(containerManifest, json)
  return makeContainerTaskOf(toTaskOffer(json, 'container'), container, options)
}

/** @throws Error that names what is wrong with it */
function read<T>(shape: z.ZodType<T>, json: unknown): T {
  const parsed = shape.safeParse(json)
  if (parsed.success) return parsed.data
  throw new Error(parsed.error.issues.map(({ path, message }) => `${path.join('.')}: ${message}`).join('; '))
}

/** With its results held against its schema, which a module's process does by itself. What does so is loaded where there is such a task: it takes time and memory. */
async function checked(task: Task, { log }: TasksFolderOptions): Promise<Task> {
  const { name, resultSchema } = task.offer
  if (Object.keys(resultSchema).length === 0) return task
  const { makeCheckPayload } = await import('../../queue/use-cases/check-payload.ts')
  const check = makeCheckPayload('result')
  if (check(resultSchema, null) === 'unknown')
    log.warn('the output schema of a task can not be used, so its results are not checked', { task: name })
  return withCheckedResult(task, check)
}

const isFfiManifest = (json: unknown): boolean => typeof json === 'object' && json !== null && 'ffi' in json

/** `run` of a manifest: its first word is found on PATH, unless it is a path, seen from the manifest; so are further words that begin with `./`. */
function programOf(
  path: string,
  run: readonly string[],
  env: Record<string, string>,
  options: TasksFolderOptions,
): TaskProgram {
  const folder = dirname(path)
  const [first = '', ...args] = run.map((word) => (word.startsWith('./') ? join(folder, word) : word))
  const file = isAbsolute(first) ? first : findAllInPath(first, options.inherited.PATH)[0]
  if (!file) throw new Error(`there is no program ${first}`)
  return { file, args, env: { ...env, NOODLE_TASK_FOLDER: folder } }
}

function findTaskFiles(folder: string, log: Logger, depth = 0): TaskFile[] {
  try {
    return readdirSync(folder, { withFileTypes: true })
      .sort((a, b) => (a.name < b.name ? -1 : 1))
      .flatMap((entry) => {
        const path = join(folder, entry.name)
        if (entry.isDirectory())
          return /^(\.|node_modules$|__pycache__$)/.test(entry.name) || depth === deepest
            ? []
            : findTaskFiles(path, log, depth + 1)
        const kind = kinds.find(({ ending }) => ending.test(entry.name))?.kind
        return kind ? [{ path, kind }] : []
      })
  } catch (error) {
    log.error('a folder of tasks can not be read', { folder, error })
    return []
  }
}
