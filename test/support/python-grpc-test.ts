import { execFileSync } from 'node:child_process'
import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { test } from '@jest/globals'
import { python } from './python-test.ts'

/** An interpreter that has grpcio and protobuf, and what it needs to find them. */
interface GrpcPython {
  program: string
  /** Folders for PYTHONPATH. */
  modules: string[]
  /** Folders for LD_LIBRARY_PATH. */
  libraries: string[]
}

const unpacked = join(import.meta.dirname, '../../.noodle/programs')

/** Null on machines without Debian's python3-grpcio and python3-protobuf, or what pip has of them. */
export const grpcPython = findGrpcPython()

/** `test` for what speaks gRPC in Python; skipped, and said to be, where that can't be. */
export const grpcPythonTest = grpcPython === null ? test.skip : test
if (grpcPython === null)
  test.skip('Python over gRPC (skipped: it needs python3-grpcio and python3-protobuf)', () => undefined)

function findGrpcPython(): GrpcPython | null {
  const debian = '/usr/bin/python3'
  const bare = { modules: [], libraries: [] }
  const candidates: GrpcPython[] = [
    ...(python === null ? [] : [{ program: python, ...bare }]),
    { program: debian, ...bare },
    // Where scripts/setup unpacks Debian's packages for an ordinary user.
    {
      program: debian,
      modules: [join(unpacked, 'usr/lib/python3/dist-packages')],
      libraries: librariesBelow(join(unpacked, 'usr/lib')),
    },
  ]
  return candidates.find(hasGrpc) ?? null
}

function librariesBelow(folder: string): string[] {
  if (!existsSync(folder)) return []
  const names = readdirSync(folder).filter((name) => name.includes('-linux-gnu'))
  return names.map((name) => join(folder, name))
}

function hasGrpc(candidate: GrpcPython): boolean {
  try {
    execFileSync(candidate.program, ['-c', 'import grpc.aio, google.protobuf'], {
      env: { ...process.env, ...environmentOf(candidate) },
      stdio: 'ignore',
    })
    return true
  } catch {
    return false
  }
}

/** @param before folders that are searched first */
export function environmentOf({ modules, libraries }: GrpcPython, before: readonly string[] = []) {
  return { PYTHONPATH: [...before, ...modules].join(':'), LD_LIBRARY_PATH: libraries.join(':') }
}
