import type { Value__Output } from '../../../proto/generated/google/protobuf/Value.ts'
import { type FieldError, QueueError } from '../../../queue/domain/errors.ts'
import type { Json } from '../../../queue/domain/job.ts'
import type { JsonLimits } from '../../contract/strict-json.ts'

/**
 * A value of protobuf as JSON. It must hold to the same limits as a JSON text, and what JSON has no word for is refused.
 * @throws INVALID_REQUEST naming the place below `payload`
 */
export function valueToJson(value: Value__Output, limits: JsonLimits): Json {
  let keyCount = 0
  const path: string[] = ['payload']

  const refuse = (message: string): QueueError => {
    const field: FieldError = { path: path.join('.'), message }
    return new QueueError('INVALID_REQUEST', `${field.path} ${message}.`, { fields: [field] })
  }

  function within<T>(name: string, read: () => T): T {
    path.push(name)
    const json = read()
    path.pop()
    return json
  }

  function enter(depth: number): void {
    if (depth >= limits.maxDepth) throw refuse(`is nested deeper than ${String(limits.maxDepth)} levels`)
  }

  function readText(text: string): string {
    if (text.includes('\0')) throw refuse('holds a NUL character')
    return text
  }

  function readMembers(fields: Record<string, Value__Output>, depth: number): Json {
    enter(depth)
    const members: Record<string, Json> = {}
    for (const [name, member] of Object.entries(fields))
      members[name] = within(name, () => {
        if (name === '__proto__') throw refuse('is a name that is not allowed')
        if (++keyCount > limits.maxKeys) throw refuse(`is one of more than ${String(limits.maxKeys)} names`)
        readText(name)
        return read(member, depth + 1)
      })
    return members
  }

  function readList(items: readonly Value__Output[], depth: number): Json {
    enter(depth)
    return items.map((item, i) => within(String(i), () => read(item, depth + 1)))
  }

  function read(one: Value__Output, depth: number): Json {
    switch (one.kind) {
      case 'structValue':
        return readMembers(one.structValue?.fields ?? {}, depth)
      case 'listValue':
        return readList(one.listValue?.values ?? [], depth)
      case 'stringValue':
        return readText(one.stringValue ?? '')
      case 'numberValue':
        if (!Number.isFinite(one.numberValue)) throw refuse('is a number that JSON does not have')
        return one.numberValue ?? 0
      case 'boolValue':
        return one.boolValue ?? false
      case 'nullValue':
        return null
      default:
        throw refuse('is a value without a kind')
    }
  }

  return read(value, 0)
}
