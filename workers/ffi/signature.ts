import {
  bytesOf,
  type CType,
  mostBytes,
  readTypeNames,
  SignatureError,
  type TypeNames,
  typeOfWords,
} from './c-types.ts'
import type { FfiManifest } from './ffi-manifest.ts'

/**
 * How the memory that a pointer leads to is told: one value, a list of them, bytes in base64, or a text that ends at the first NUL. `none` is for what is
 * no pointer.
 */
export type Shape = 'none' | 'single' | 'list' | 'bytes' | 'text'

export interface Parameter {
  name: string
  /** Of the value, or of what the pointer leads to. */
  type: CType
  shape: Shape
  direction: 'in' | 'out' | 'inout'
  /** Elements of the memory: as many, as many as another parameter says, or as the job gives (null). */
  length: number | string | null
  /** Of what came out so many are told, as another parameter, or what was returned, says. */
  resultLength: string | null
  /** It is not the job's to give: the length of another parameter. */
  lengthOf: string | null
  /** It is not the job's to give: always this; null stands for NULL. Undefined: none. */
  value: number | string | boolean | null | undefined
}

export interface Signature {
  name: string
  /** `text` for a `char *`, which is told as a text; else what the type is. */
  returns: { type: CType; isText: boolean }
  parameters: readonly Parameter[]
  failsWhen: NonNullable<FfiManifest['failsWhen']> | null
}

/** What stands for the returned value among the results. */
export const returned = 'returns'

interface Declared {
  name: string | null
  type: CType
  stars: number
  isConst: boolean
  isBytes: boolean
  isChar: boolean
  arrayLength: number | null
}

/** Reads the prototype of a function as C writes it, and what the manifest says besides. @throws SignatureError that names what is wrong with it */
export function readSignature(manifest: FfiManifest): Signature {
  const names = readTypeNames(manifest.types)
  const text = manifest.function.trim().replace(/;$/, '')
  const [, head = '', inner] = /^([^()]*)\(([^()]*)\)$/.exec(text) ?? []
  if (inner === undefined)
    throw new SignatureError(
      `function \`${text}\` is no prototype such as \`double cos(double x)\`; pointers to functions are not supported`,
    )
  const self = declared(head, names)
  if (self.name === null || self.arrayLength !== null)
    throw new SignatureError(`function \`${text}\` has no name`)
  const isEmpty = /^\s*(void)?\s*$/.test(inner)
  const all = isEmpty
    ? []
    : inner.split(',').map((one, i) => named(declared(one, names), `arg${String(i + 1)}`))
  const twice = all.find(
    (one, i) => all.findIndex(({ name }) => name === one.name) !== i || one.name === returned,
  )
  if (twice) throw new SignatureError(`the name ${twice.name} is taken; give each parameter one of its own`)
  const strange = Object.keys(manifest.params).find((name) => !all.some((one) => one.name === name))
  if (strange !== undefined) throw new SignatureError(`params.${strange} is no parameter of ${self.name}`)

  const parameters = all.map((one) => toParameter(one, manifest.params))
  for (const parameter of parameters) checkReferences(parameter, parameters, self)
  return {
    name: self.name,
    returns: returnsOf(self, manifest.failsWhen),
    parameters,
    failsWhen: manifest.failsWhen ?? null,
  }
}

const named = (one: Declared, otherwise: string): Declared & { name: string } => ({
  ...one,
  name: one.name ?? otherwise,
})

function declared(text: string, names: TypeNames): Declared {
  const wrong = (why: string): SignatureError => new SignatureError(`\`${text.trim()}\` ${why}`)
  if (text.includes('...')) throw wrong('takes any number of arguments, which is not supported')
  const [, core = '', length] = /^([^[\]]*?)(?:\[\s*(\d*)\s*\])?$/.exec(text.trim()) ?? []
  const tokens: string[] = core.match(/[A-Za-z_]\w*|\*|\S/g) ?? []
  if (tokens.length === 0 || tokens.some((token) => !/^([A-Za-z_]\w*|\*)$/.test(token)))
    throw wrong('is no declaration of C')
  const firstStar = tokens.indexOf('*')
  const before = firstStar < 0 ? tokens : tokens.slice(0, firstStar)
  const behind =
    firstStar < 0
      ? []
      : tokens.slice(firstStar).filter((word) => !/^(const|volatile|_*restrict_*)$/.test(word))
  const stars = behind.filter((token) => token === '*').length
  const nameBehind = behind.filter((token) => token !== '*')
  if (nameBehind.length > 1) throw wrong('is no declaration of C')
  const whole = typeOfWords(before, names)
  const type = whole ?? (firstStar < 0 ? typeOfWords(before.slice(0, -1), names) : null)
  const name = nameBehind[0] ?? (whole ? null : (before.at(-1) ?? null))
  if (!type) throw wrong('has a type that is not known; name it in `types`')
  const isPointer = stars > 0 || length !== undefined
  if (stars + (length === undefined ? 0 : 1) > 1)
    throw wrong('is a pointer to pointers, which is not supported')
  const words = before.filter((word) => word !== name)
  return {
    name,
    type,
    stars: isPointer ? 1 : 0,
    isConst: words.includes('const'),
    isBytes: type.kind === 'void' || (type.kind === 'integer' && type.bytes === 1 && !type.isSigned),
    isChar: type.kind === 'integer' && type.isChar === true,
    arrayLength: length === undefined ? null : Number(length) || null,
  }
}

function returnsOf(self: Declared, failsWhen: FfiManifest['failsWhen']): Signature['returns'] {
  const isText = self.stars > 0
  if (isText && !self.isChar)
    throw new SignatureError(
      `${self.name ?? ''} returns a pointer; only text (\`char *\`) can be told of what one leads to`,
    )
  const isNumber = self.type.kind === 'integer' || self.type.kind === 'float' || self.type.kind === 'bool'
  if (failsWhen !== undefined && !isNumber)
    throw new SignatureError(`failsWhen needs a number to be returned`)
  if (failsWhen === 'negative' && isText)
    throw new SignatureError(`a pointer is never negative; failsWhen may be zero`)
  return { type: self.type, isText }
}

function toParameter(one: Declared & { name: string }, params: FfiManifest['params']): Parameter {
  const { name, type } = one
  const { direction, length, resultLength, lengthOf, value } = params[name] ?? {}
  const where = `params.${name}`
  if (one.stars === 0) {
    if (type.kind === 'void') throw new SignatureError(`the parameter ${name} can't be void`)
    if ((direction ?? 'in') !== 'in' || length !== undefined || resultLength !== undefined)
      throw new SignatureError(`${where} is passed by value: it has no direction and no length`)
    if (lengthOf !== undefined && type.kind !== 'integer')
      throw new SignatureError(`${where}.lengthOf needs an integer`)
    if (value === null) throw new SignatureError(`${where}.value must be a value: it is no pointer`)
    return {
      ...{ name, type, shape: 'none', direction: 'in', length: null, resultLength: null },
      lengthOf: lengthOf ?? null,
      value,
    }
  }
  if (direction === undefined && !one.isConst && value !== null && lengthOf === undefined)
    throw new SignatureError(
      `${name} is a pointer that the function may write through: say by ${where}.direction whether it is "in", "out" or "inout"`,
    )
  if (one.isConst && direction !== undefined && direction !== 'in')
    throw new SignatureError(`${where}.direction can't be "${direction}": what it leads to is const`)
  const isReferred = Object.values(params).some((other) => other.lengthOf === name)
  const shape = shapeOf(one, length !== undefined || one.arrayLength !== null || isReferred)
  const toward = direction ?? (lengthOf === undefined ? 'in' : 'inout')
  const known = length ?? one.arrayLength
  if (toward === 'out' && shape !== 'single' && known === null)
    throw new SignatureError(
      `${where}.length must say how much memory ${name} needs: a number, or a parameter that has it`,
    )
  if (toward === 'out' && known === null && isReferred)
    throw new SignatureError(`${where}.length must say how much memory ${name} needs`)
  if (value !== undefined && value !== null)
    throw new SignatureError(`${where}.value can only be null: it is a pointer`)
  return {
    ...{ name, type, shape, direction: toward, length: known, resultLength: resultLength ?? null },
    lengthOf: lengthOf ?? null,
    value,
  }
}

function shapeOf(one: Declared, isMany: boolean): Shape {
  if (one.isChar) return 'text'
  if (one.isBytes) return 'bytes'
  return isMany ? 'list' : 'single'
}

function checkReferences(parameter: Parameter, all: readonly Parameter[], self: Declared): void {
  const where = `params.${parameter.name}`
  const find = (name: string): Parameter | undefined => all.find((other) => other.name === name)
  const { length, lengthOf, resultLength, shape, type } = parameter
  if (lengthOf !== null) {
    const target = find(lengthOf)
    if (!target || !['list', 'bytes', 'text'].includes(target.shape))
      throw new SignatureError(`${where}.lengthOf must name a list, bytes or text; ${lengthOf} is none`)
    if (type.kind !== 'integer' || shape === 'list')
      throw new SignatureError(`${where}.lengthOf needs an integer`)
  }
  if (typeof length === 'string') {
    const source = find(length)
    if (source?.shape !== 'none' || source.type.kind !== 'integer' || source.lengthOf !== null)
      throw new SignatureError(
        `${where}.length must name an integer parameter that the job gives; ${length} is none`,
      )
  }
  if (typeof length === 'number' && length * bytesOf(type) > mostBytes)
    throw new SignatureError(`${where}.length makes more than ${String(mostBytes)} bytes`)
  if (resultLength !== null) {
    const source = resultLength === returned ? null : find(resultLength)
    const isCount =
      source === null
        ? self.stars === 0 && self.type.kind === 'integer'
        : source?.shape === 'single' && source.direction !== 'in' && source.type.kind === 'integer'
    if (!isCount || !['list', 'bytes', 'text'].includes(shape))
      throw new SignatureError(
        `${where}.resultLength must name an integer that comes out, or "${returned}"; ${resultLength} is none`,
      )
  }
}
