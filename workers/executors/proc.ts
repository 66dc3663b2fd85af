import { readFileSync, readdirSync, readlinkSync } from 'node:fs'

/*
 * What Linux tells about processes in /proc (man 5 proc). Its files are made in memory, so reading them at once is right: microseconds, no disk.
 * Elsewhere, or for a process that is gone, the answer is null or empty.
 */

export interface ProcessStat {
  /** One letter: R, S, Z for a zombie, … */
  state: string
  parentId: number
  groupId: number
  /** Its own CPU time and that of children it has waited for; counted in ticks of 10 ms. */
  cpuMs: number
  waitedChildrenCpuMs: number
  /** Ticks after the machine's start: with the pid, it names a process for good. */
  startTicks: string
}

/** USER_HZ is 100 on every Linux that Node runs on. */
const msPerTick = 10

export function readStat(pid: number | 'self'): ProcessStat | null {
  const text = read(`/proc/${String(pid)}/stat`)
  if (!text) return null
  // The second field is the program's name in parentheses, which may hold spaces and parentheses.
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ')
  const ms = (index: number): number => Number(fields[index]) * msPerTick
  return {
    state: fields[0] ?? '',
    parentId: Number(fields[1]),
    groupId: Number(fields[2]),
    cpuMs: ms(11) + ms(12) + ms(13) + ms(14),
    waitedChildrenCpuMs: ms(13) + ms(14),
    startTicks: fields[19] ?? '',
  }
}

/** 0 when it has none, or is gone. */
export const readParent = (pid: number): number => readStat(pid)?.parentId ?? 0

/** Memory in RAM now and at its peak, in bytes; zeros for a zombie. */
export function readMemory(pid: number): { rssBytes: number; peakBytes: number } | null {
  const text = read(`/proc/${String(pid)}/status`)
  if (!text) return null
  const bytes = (name: string): number =>
    Number(new RegExp(`^${name}:\\s+(\\d+)`, 'm').exec(text)?.[1] ?? 0) * 1024
  return { rssBytes: bytes('VmRSS'), peakBytes: bytes('VmHWM') }
}

/** Direct children, of all threads. */
export function readChildren(pid: number): number[] {
  return list(`/proc/${String(pid)}/task`)
    .flatMap((thread) => (read(`/proc/${String(pid)}/task/${thread}/children`) ?? '').split(' '))
    .filter(Boolean)
    .map(Number)
}

/** It, its children, theirs, and so on. */
export const listDescendants = (pid: number): number[] => [pid, ...readChildren(pid).flatMap(listDescendants)]

export function readEnvironment(pid: number): string[] {
  return (read(`/proc/${String(pid)}/environ`) ?? '').split('\0')
}

export function listProcesses(): number[] {
  return list('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
}

/** True when the group has a process that can still act: not only zombies, for which nobody has waited yet. */
export function isGroupAlive(groupId: number): boolean {
  return listProcesses().some((pid) => {
    const stat = readStat(pid)
    return stat?.groupId === groupId && stat.state !== 'Z' && stat.state !== 'X'
  })
}

/** Tells apart the process numbers of containers; null outside Linux. */
export function pidNamespace(pid: number | 'self'): string | null {
  try {
    return /\d+/.exec(readlinkSync(`/proc/${String(pid)}/ns/pid`))?.[0] ?? null
  } catch {
    return null
  }
}

function read(file: string): string | null {
  try {
    return readFileSync(file, 'utf8')
  } catch {
    return null
  }
}

function list(folder: string): string[] {
  try {
    return readdirSync(folder)
  } catch {
    return []
  }
}
