import type { Json } from '../../queue/domain/job.ts'
import type { CType } from './c-types.ts'
import { mostFloat, rangeOf, unusualNumbers } from './ffi-schema.ts'

/** A value of the payload that its C type can't hold. */
export class Misfit extends Error {}

/** As koffi takes values: numbers, bigints, booleans, strings, arrays and objects of them. */
export type CValue = number | bigint | boolean | string | CValue[] | { [name: string]: CValue }

/** @throws Misfit that names the value (`at`), its type and its range */
export function toC(value: Json | undefined, type: CType, at: string): CValue {
  switch (type.kind) {
    case 'void':
      throw new Misfit(`${at} has no value`)
    case 'bool':
      if (typeof value !== 'boolean') throw new Misfit(`${at} must be true or false`)
      return value
    case 'integer':
      return toInteger(value, type, at)
    case 'float':
      return toFloat(value, type.bytes, at)
    case 'text': {
      const bytes = toText(value, at)
      if (bytes.length >= type.bytes)
        throw new Misfit(`${at} must be shorter than ${String(type.bytes)} bytes`)
      return bytes.toString()
    }
    case 'array':
      if (!Array.isArray(value) || value.length !== type.length)
        throw new Misfit(`${at} must be a list of ${String(type.length)}`)
      return value.map((one, i) => toC(one, type.of, `${at}.${String(i)}`))
    case 'struct': {
      if (typeof value !== 'object' || value === null || Array.isArray(value))
        throw new Misfit(`${at} must be an object`)
      const strange = Object.keys(value).find((name) => !type.members.some((member) => member.name === name))
      if (strange !== undefined) throw new Misfit(`${at}.${strange} is no member of ${type.name}`)
      return Object.fromEntries(
        type.members.map(({ name, type: inner }) => [
          name,
          toC(Object.hasOwn(value, name) ? value[name] : undefined, inner, `${at}.${name}`),
        ]),
      )
    }
  }
}

function toInteger(
  value: Json | undefined,
  type: { bytes: number; isSigned: boolean },
  at: string,
): number | bigint {
  const { min, max } = rangeOf(type)
  const wrong = (): Misfit => new Misfit(`${at} must be a whole number from ${String(min)} to ${String(max)}`)
  const isDigits = typeof value === 'string' && type.bytes === 8 && /^-?\d{1,20}$/.test(value)
  if (!isDigits && !Number.isSafeInteger(value)) throw wrong()
  const number = BigInt(value as number | string)
  if (number < min || number > max) throw wrong()
  return type.bytes === 8 ? number : Number(number)
}

function toFloat(value: Json | undefined, bytes: number, at: string): number {
  if (unusualNumbers.some((name) => name === value)) return Number(value)
  if (typeof value !== 'number')
    throw new Misfit(`${at} must be a number, or one of ${unusualNumbers.join(', ')}`)
  if (bytes === 4 && Math.abs(value) > mostFloat)
    throw new Misfit(`${at} must be a number from ${String(-mostFloat)} to ${String(mostFloat)}`)
  return value
}

/** Without the NUL at its end. @throws Misfit */
export function toText(value: Json | undefined, at: string): Buffer {
  if (typeof value !== 'string') throw new Misfit(`${at} must be a text`)
  if (value.includes('\0')) throw new Misfit(`${at} must not hold a NUL character, which would end it`)
  return Buffer.from(value)
}

/** @throws Misfit */
export function toBytes(value: Json | undefined, at: string): Buffer {
  if (
    typeof value !== 'string' ||
    !/^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/.test(value)
  )
    throw new Misfit(`${at} must be bytes in base64`)
  return Buffer.from(value, 'base64')
}

/** A value that came out, for JSON: whole numbers beyond 2^53 as strings, so are numbers that are none. */
export function toJson(value: unknown): Json {
  if (typeof value === 'bigint') {
    const number = Number(value)
    return Number.isSafeInteger(number) ? number : String(value)
  }
  if (typeof value === 'number') return Number.isFinite(value) ? value : String(value)
  if (typeof value === 'string') return storable(value)
  if (Array.isArray(value)) return value.map(toJson)
  if (typeof value === 'object' && value !== null)
    return Object.fromEntries(Object.entries(value).map(([name, one]) => [name, toJson(one)]))
  return typeof value === 'boolean' ? value : null
}

const storable = (text: string): string => text.replaceAll('\0', '\uFFFD').toWellFormed()
