import { closeSync, openSync, renameSync, statSync } from 'node:fs'

/** A log longer than this is put aside when its writer starts again. */
const limitBytes = 10_000_000

/** Opens a log for a program to append to, ours alone to read. */
export function openLog(file: string): number {
  const fd = openSync(file, 'a', 0o600)
  if (statSync(file).size < limitBytes) return fd
  closeSync(fd)
  renameSync(file, `${file}.1`)
  return openSync(file, 'a', 0o600)
}

export function lastLines(text: string, count: number): string {
  return text.trimEnd().split('\n').slice(-count).join('\n')
}
