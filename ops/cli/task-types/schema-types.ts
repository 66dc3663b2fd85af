import { comment, propertyName } from './source-text.ts'

type Schema = Record<string, unknown>

/** A type as it is written, and what holds it together. */
interface Type {
  text: string
  operator: '|' | '&' | 'none'
}

const word = (text: string): Type => ({ text, operator: 'none' })
const unknown = word('unknown')

/** More of a schema than this is told as unknown: they come from nodes, and one may refer to itself over and over. */
const mostParts = 5000

/**
 * Declares the TypeScript type of a JSON Schema (2020-12, and what earlier drafts wrote otherwise): `name`, and one for each part that is referred to. What TypeScript
 * can't say (lengths, patterns, ranges, `not`, `if`) is left out, so a type may allow what the schema does not, but nothing else is wrong about it. As types are open,
 * `additionalProperties` is not written unless it says of what kind they are. `taken` holds the names that there are.
 */
export function makeSchemaTypes(root: unknown, name: string, taken: Set<string>): string[] {
  const declared = new Map<string, string>() // by JSON pointer
  const open: { pointer: string; name: string }[] = []
  let parts = 0

  /** `path` holds what refers to one another here without an object or a list between: such a circle means nothing. */
  function typeOf(schema: unknown, indent: string, path: readonly string[]): Type {
    if (schema === false) return word('never')
    if (!isSchema(schema) || ++parts > mostParts) return unknown
    const all = [
      referred(schema, indent, path),
      literals(schema) ?? byType(schema, indent),
      allOf(schema['allOf'], indent, path),
      anyOf(schema['anyOf'], indent, path),
      anyOf(schema['oneOf'], indent, path),
    ]
    return joined(all.filter(isTelling), '&')
  }

  function referred(schema: Schema, indent: string, path: readonly string[]): Type {
    const pointer = schema['$ref']
    if (typeof pointer !== 'string' || path.includes(pointer)) return unknown
    return typeOf(resolve(root, pointer), indent, [...path, pointer])
  }

  /** Within an object or a list, what is referred to goes by its name, and may refer to itself. */
  function inner(schema: unknown, indent: string): Type {
    const pointer = isSchema(schema) && Object.keys(schema).length === 1 ? schema['$ref'] : undefined
    return typeof pointer === 'string' ? word(nameOf(pointer)) : typeOf(schema, indent, [])
  }

  function nameOf(pointer: string): string {
    if (pointer === '#') return name
    const known = declared.get(pointer)
    if (known !== undefined) return known
    const last = (pointer.split('/').at(-1) ?? '').replace(/[^A-Za-z0-9]/g, '')
    let own = `${name}${last.charAt(0).toUpperCase()}${last.slice(1)}`
    for (let i = 2; taken.has(own); i++) own = `${name}_${String(i)}`
    taken.add(own)
    declared.set(pointer, own)
    open.push({ pointer, name: own })
    return own
  }

  const allOf = (list: unknown, indent: string, path: readonly string[]): Type =>
    joined(listed(list, indent, path).filter(isTelling), '&')

  function anyOf(list: unknown, indent: string, path: readonly string[]): Type {
    const types = listed(list, indent, path)
    return types.every(isTelling) ? joined(types, '|') : unknown
  }

  const listed = (list: unknown, indent: string, path: readonly string[]): Type[] =>
    Array.isArray(list) ? list.map((one) => typeOf(one, indent, path)) : []

  function byType(schema: Schema, indent: string): Type {
    const types = [schema['type'] ?? likelyType(schema)].flat().map((one) => ofType(one, schema, indent))
    return types.every(isTelling) ? joined(types, '|') : unknown
  }

  function ofType(type: unknown, schema: Schema, indent: string): Type {
    switch (type) {
      case 'string':
      case 'number':
      case 'boolean':
      case 'null':
        return word(type)
      case 'integer':
        return word('number')
      case 'object':
        return objectOf(schema, indent)
      case 'array':
        return listOf(schema, indent)
      default:
        return unknown
    }
  }

  function objectOf(schema: Schema, indent: string): Type {
    const properties = isSchema(schema['properties']) ? schema['properties'] : {}
    const required = Array.isArray(schema['required']) ? schema['required'].filter(isText) : []
    const names = [...new Set([...Object.keys(properties), ...required])]
    const deeper = `${indent}  `
    const members = names.map((one) => {
      const own = Object.hasOwn(properties, one) ? properties[one] : undefined
      const type = inner(own, deeper)
      const mark = required.includes(one) ? '' : '?'
      const text = isSchema(own) ? comment(own['description'], deeper) : ''
      return { type, mark, line: `${text}${deeper}${propertyName(one)}${mark}: ${type.text}\n` }
    })
    const others = othersOf(schema, deeper, names.length > 0)
    if (members.length === 0) return word(`{ [name: string]: ${others?.text ?? 'never'} }`)
    if (others) {
      // It has to allow for those that have names, too.
      const absent = members.some(({ mark }) => mark === '?') ? [word('undefined')] : []
      const types = [others, ...members.map(({ type }) => type), ...absent]
      const type = types.every(isTelling) ? joined(types, '|') : unknown
      members.push({ type, mark: '', line: `${deeper}[name: string]: ${type.text}\n` })
    }
    return word(`{\n${members.map(({ line }) => line).join('')}${indent}}`)
  }

  /** The type of members without a name; undefined for none worth telling. */
  function othersOf(schema: Schema, indent: string, hasNames: boolean): Type | undefined {
    const patterns = isSchema(schema['patternProperties']) ? Object.values(schema['patternProperties']) : []
    const rest = schema['additionalProperties'] ?? true
    if (rest === true && hasNames) return undefined
    const types = [...patterns, ...(rest === false ? [] : [rest])].map((one) => inner(one, indent))
    if (types.length === 0) return undefined
    return types.every(isTelling) ? joined(types, '|') : unknown
  }

  function listOf(schema: Schema, indent: string): Type {
    const { items, prefixItems, additionalItems, minItems } = schema
    const first: unknown = prefixItems ?? (Array.isArray(items) ? items : undefined)
    if (!Array.isArray(first)) return word(`${grouped(inner(items, indent))}[]`)
    const rest = prefixItems === undefined ? additionalItems : items
    const least = typeof minItems === 'number' ? minItems : 0
    const types = first.map((one, i) => grouped(inner(one, indent)) + (i < least ? '' : '?'))
    const others = rest === false ? [] : [`...${grouped(inner(rest, indent))}[]`]
    return word(`[${[...types, ...others].join(', ')}]`)
  }

  const declarations = [declare(name, root, typeOf(root, '', ['#']))]
  for (let one = open.shift(); one; one = open.shift()) {
    const schema = resolve(root, one.pointer)
    declarations.push(declare(one.name, schema, typeOf(schema, '', [one.pointer])))
  }
  return declarations
}

const declare = (name: string, schema: unknown, type: Type): string =>
  `${isSchema(schema) ? comment(schema['description'], '') : ''}export type ${name} = ${type.text}\n`

/** What is meant by words that say nothing of other types: those who would send such a type do so on purpose. */
function likelyType(schema: Schema): string | undefined {
  const has = (...words: string[]): boolean => words.some((one) => one in schema)
  if (has('properties', 'required', 'additionalProperties', 'patternProperties')) return 'object'
  return has('items', 'prefixItems') ? 'array' : undefined
}

/** Which values there are; undefined where the schema does not name them. They say more than its type. */
function literals(schema: Schema): Type | undefined {
  const list = 'const' in schema ? [schema['const']] : schema['enum']
  if (!Array.isArray(list)) return undefined
  const types = list.map((one) => word(literal(one)))
  return types.length === 0 ? word('never') : joined(types, '|')
}

function literal(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(literal).join(', ')}]`
  if (typeof value !== 'object' || value === null) return JSON.stringify(value)
  const members = Object.entries(value).map(([name, one]) => `${propertyName(name)}: ${literal(one)}`)
  return `{ ${members.join('; ')} }`
}

const isTelling = (type: Type): boolean => type.text !== 'unknown'

/** `unknown` of nothing. */
function joined(types: readonly Type[], operator: '&' | '|'): Type {
  const different = [...new Map(types.map((type) => [type.text, type])).values()]
  if (different.length < 2) return different[0] ?? unknown
  const texts = different.map((type) => (operator === '&' ? grouped(type) : type.text))
  return { text: texts.join(` ${operator} `), operator }
}

const grouped = ({ text, operator }: Type): string => (operator === 'none' ? text : `(${text})`)

/** What a reference within the document leads to; undefined for any other, which nobody should follow. */
function resolve(root: unknown, pointer: string): unknown {
  if (!/^#(\/|$)/.test(pointer)) return undefined
  let place = root
  for (const part of decode(pointer).split('/').slice(1)) {
    const key = part.replaceAll('~1', '/').replaceAll('~0', '~')
    if (typeof place !== 'object' || place === null || !Object.hasOwn(place, key)) return undefined
    place = (place as Schema)[key]
  }
  return place
}

function decode(pointer: string): string {
  try {
    return decodeURIComponent(pointer)
  } catch {
    return pointer
  }
}

const isSchema = (value: unknown): value is Schema =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

const isText = (value: unknown): value is string => typeof value === 'string'
