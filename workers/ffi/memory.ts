import koffi, { type TypeObject } from 'koffi'
import type { Json } from '../../queue/domain/job.ts'
import { bytesOf, type CType, mostBytes } from './c-types.ts'
import { Misfit, toBytes, toC, toJson, toText } from './ffi-values.ts'
import type { Parameter } from './signature.ts'

/** What a pointer leads to during a call. */
export interface Memory {
  buffer: Buffer
  /** How many elements there is room for; of a text its bytes, the NUL included. */
  capacity: number
  /** What the length of it is for the function: of a text that goes in, without the NUL. */
  length: number
}

/** Behind each memory; a function that writes too far is noticed by it. */
const guard = Buffer.alloc(64, 0xa5)

/** The memory of a parameter, filled with what the job gives. `length`: how many elements it must have, null for as many as are given. @throws Misfit */
export function makeMemory(parameter: Parameter, value: Json | undefined, length: number | null): Memory {
  const { name, type, shape, direction } = parameter
  const isGiven = direction !== 'out' && parameter.lengthOf === null
  switch (shape) {
    case 'text': {
      const text = isGiven ? toText(value, name) : Buffer.alloc(0)
      const memory = allocate(name, length ?? text.length + 1, 1)
      if (text.length >= memory.capacity)
        throw new Misfit(`${name} must be shorter than ${String(memory.capacity)} bytes`)
      text.copy(memory.buffer)
      return { ...memory, length: direction === 'in' ? text.length : memory.capacity }
    }
    case 'bytes': {
      const bytes = isGiven ? toBytes(value, name) : Buffer.alloc(0)
      const memory = allocate(name, length ?? bytes.length, 1)
      checkCount(parameter, bytes.length, isGiven ? memory.capacity : 0, 'bytes')
      bytes.copy(memory.buffer)
      return memory
    }
    case 'list': {
      if (isGiven && !Array.isArray(value)) throw new Misfit(`${name} must be a list`)
      const list = isGiven ? (value as Json[]) : []
      const memory = allocate(name, length ?? list.length, bytesOf(type))
      checkCount(parameter, list.length, isGiven ? memory.capacity : 0, 'elements')
      list.forEach((one, i) => put(memory, i, type, one, `${name}.${String(i)}`))
      return memory
    }
    case 'single':
    case 'none': {
      const memory = allocate(name, 1, bytesOf(type))
      if (isGiven) put(memory, 0, type, value, name)
      return memory
    }
  }
}

/** What only goes in has as much as the function reads. */
function checkCount({ name, direction }: Parameter, given: number, capacity: number, what: string): void {
  if (given > capacity || (direction === 'in' && given < capacity))
    throw new Misfit(`${name} must have ${direction === 'in' ? '' : 'at most '}${String(capacity)} ${what}`)
}

function allocate(name: string, capacity: number, bytesEach: number): Memory {
  const bytes = capacity * bytesEach
  if (bytes > mostBytes)
    throw new Misfit(`${name} needs ${String(bytes)} bytes; ${String(mostBytes)} are the most`)
  const buffer = Buffer.alloc(bytes + guard.length)
  guard.copy(buffer, bytes)
  return { buffer, capacity, length: capacity }
}

export function put(
  { buffer }: Memory,
  index: number,
  type: CType,
  value: Json | undefined,
  at: string,
): void {
  koffi.encode(buffer, index * bytesOf(type), koffiType(type), toC(value, type, at))
}

export const isOverrun = ({ buffer }: Memory): boolean => !buffer.subarray(-guard.length).equals(guard)

/** What stands in the memory; `count` of its elements. */
export function readMemory({ buffer, capacity }: Memory, { type, shape }: Parameter, count: number): Json {
  const most = Math.max(0, Math.min(count, capacity))
  const bytes = buffer.subarray(0, most * bytesOf(type))
  switch (shape) {
    case 'text': {
      const end = bytes.indexOf(0)
      return toJson(bytes.subarray(0, end < 0 ? undefined : end).toString())
    }
    case 'bytes':
      return bytes.toString('base64')
    case 'list':
      return Array.from({ length: most }, (_, i) => readOne(buffer, i, type))
    case 'single':
    case 'none':
      return readOne(buffer, 0, type)
  }
}

const readOne = (buffer: Buffer, index: number, type: CType): Json =>
  toJson(koffi.decode(buffer, index * bytesOf(type), koffiType(type)))

const structs = new WeakMap<CType, TypeObject>()

/** As koffi names it; structs without a name, so that two of them never meet. */
export function koffiType(type: CType): string | TypeObject {
  switch (type.kind) {
    case 'void':
    case 'bool':
      return type.kind
    case 'integer':
      return `${type.isSigned ? '' : 'u'}int${String(type.bytes * 8)}_t`
    case 'float':
      return type.bytes === 4 ? 'float' : 'double'
    case 'text':
      return koffi.array('char', type.bytes, 'String')
    case 'array':
      return koffi.array(koffiType(type.of), type.length, 'Array')
    case 'struct': {
      const known = structs.get(type)
      if (known) return known
      const made = koffi.struct(
        Object.fromEntries(type.members.map((member) => [member.name, koffiType(member.type)])),
      )
      structs.set(type, made)
      return made
    }
  }
}
