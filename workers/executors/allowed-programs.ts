import { accessSync, constants, statSync } from 'node:fs'
import { basename, delimiter, isAbsolute, join } from 'node:path'
import type { Logger } from '../../core/logger.ts'

/** The programs that `command` jobs may start, found once at the start of the process. */
export interface AllowedPrograms {
  /** The absolute path for the first word of an argv: the name of an allowed program or its absolute path; null when it is not allowed. */
  find(program: string): string | null
  /** Names, for messages. */
  names: readonly string[]
}

/** Entries are names, which are looked up in `path`, or absolute paths. One that is not there is left out with a warning. */
export function findAllowedPrograms(
  entries: readonly string[],
  options: { path: string; log: Logger },
): AllowedPrograms {
  const found = new Map<string, string>()
  for (const entry of entries) {
    const files = isAbsolute(entry) ? [entry].filter(isExecutable) : findAllInPath(entry, options.path)
    const [file] = files
    if (!file) {
      options.log.warn('a program of TASK_COMMAND_ALLOW is not on this node', { program: entry })
      continue
    }
    for (const same of files) found.set(same, same) // /bin/sh and /usr/bin/sh
    if (!found.has(basename(file))) found.set(basename(file), file)
  }
  return {
    find: (program) => found.get(program) ?? null,
    names: [...found.keys()].filter((name) => !isAbsolute(name)),
  }
}

/** Where the folders of the path have the program, the first one first. */
export function findAllInPath(name: string, path: string): string[] {
  if (name !== basename(name)) return []
  return path
    .split(delimiter)
    .filter(isAbsolute) // an empty or relative folder of PATH would mean the present one, whatever that is
    .map((folder) => join(folder, name))
    .filter(isExecutable)
}

function isExecutable(file: string): boolean {
  try {
    accessSync(file, constants.X_OK)
    return statSync(file).isFile()
  } catch {
    return false
  }
}
