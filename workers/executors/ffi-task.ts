import { createHash } from 'node:crypto'
import { readFileSync, statSync } from 'node:fs'
import { arch } from 'node:os'
import { basename, dirname, isAbsolute, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Logger } from '../../core/logger.ts'
import { type FfiSpec, readFfiSpec } from '../ffi/ffi-spec.ts'
import type { TaskProgram } from './process-task.ts'

/** A library as it was when the worker started. */
export interface AllowedLibrary {
  /** Absolute. */
  path: string
  /** What the file must have when it is loaded; null when the list does not say. */
  sha256: string | null
}

/** The C libraries that TASK_FFI_ALLOW has, found once at the start of the process. */
export interface AllowedLibraries {
  /** By name or absolute path; null when it is not allowed. */
  find(library: string): AllowedLibrary | null
  /** For messages. */
  names: readonly string[]
}

const machines: Readonly<Record<string, string>> = { x64: 'x86_64-linux-gnu', arm64: 'aarch64-linux-gnu' }

/** Where a library is looked for by its name. One that is elsewhere is named by its path. */
const folders: readonly string[] = [
  '/usr/local/lib',
  ...[machines[arch()]].flatMap((machine) =>
    machine === undefined ? [] : [`/lib/${machine}`, `/usr/lib/${machine}`],
  ),
  ...['/lib64', '/usr/lib64', '/lib', '/usr/lib'],
]

/** Entries are names or absolute paths, with `=sha256:…` or without. One that is not there, or another file than its sum says, is left out and told. */
export function findAllowedLibraries(entries: readonly string[], log: Logger): AllowedLibraries {
  const found = new Map<string, AllowedLibrary>()
  for (const entry of entries) {
    const [library = '', sha256 = null] = entry.split('=sha256:')
    const path = isAbsolute(library)
      ? library
      : library === basename(library) && folders.map((folder) => join(folder, library)).find(isFile)
    if (!path || !isFile(path)) {
      log.warn('a library of TASK_FFI_ALLOW is not on this node', { library })
      continue
    }
    if (sha256 !== null && sha256 !== sumOf(path)) {
      log.error('a library of TASK_FFI_ALLOW is not the file that its sha256 names, and is not allowed', {
        library,
        path,
      })
      continue
    }
    const allowed = { path, sha256 }
    found.set(path, allowed)
    if (!found.has(basename(path))) found.set(basename(path), allowed)
  }
  return {
    find: (library) => found.get(library) ?? null,
    names: [...found.keys()].filter((name) => !isAbsolute(name)),
  }
}

/** The process that calls the function which a manifest declares. @throws Error that says why it can't be */
export function makeFfiProgram(path: string, json: unknown, libraries: AllowedLibraries): TaskProgram {
  const task = readFfiSpec(json)
  const { library } = task.ffi
  const allowed = libraries.find(/^\.\.?\//.test(library) ? join(dirname(path), library) : library)
  if (!allowed)
    throw new Error(
      `the library ${library} is not on this node's list TASK_FFI_ALLOW; ${libraries.names.length > 0 ? `allowed are ${libraries.names.join(', ')}` : 'none is allowed'}`,
    )
  return {
    file: process.execPath,
    args: [
      '--disable-warning=ExperimentalWarning',
      '--disable-wasm-trap-handler', // a fault of the library is its own
      fileURLToPath(new URL('../ffi-process.ts', import.meta.url)),
      JSON.stringify({ ...task, ...allowed } satisfies FfiSpec & AllowedLibrary),
    ],
    env: { NOODLE_TASK_FOLDER: dirname(path) },
  }
}

function isFile(path: string): boolean {
  try {
    return statSync(path).isFile()
  } catch {
    return false
  }
}

const sumOf = (path: string): string => createHash('sha256').update(readFileSync(path)).digest('hex')
