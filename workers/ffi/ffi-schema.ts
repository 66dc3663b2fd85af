import { bytesOf, type CType, mostBytes } from './c-types.ts'
import { type Parameter, returned, type Signature } from './signature.ts'

type Schema = Record<string, unknown>

/** Parameters that the job gives. */
export const inputsOf = ({ parameters }: Signature): Parameter[] =>
  parameters.filter(
    ({ direction, lengthOf, value }) => direction !== 'out' && lengthOf === null && value === undefined,
  )

/** Parameters that tell something afterwards. */
export const outputsOf = ({ parameters }: Signature): Parameter[] =>
  parameters.filter(({ direction, value }) => direction !== 'in' && value === undefined)

/** JSON Schema of the payload that fits a signature. */
export function inputSchema(signature: Signature): Schema {
  const inputs = inputsOf(signature)
  return {
    ...(inputs.length === 0 ? { type: ['object', 'null'] } : { type: 'object' }),
    properties: Object.fromEntries(inputs.map((one) => [one.name, parameterSchema(one, signature, true)])),
    required: inputs.map(({ name }) => name),
    additionalProperties: false,
  }
}

export function outputSchema(signature: Signature): Schema {
  const { type, isText } = signature.returns
  const properties = {
    ...(isText
      ? { [returned]: { type: ['string', 'null'] } }
      : type.kind !== 'void' && { [returned]: valueSchema(type, false) }),
    ...Object.fromEntries(
      outputsOf(signature).map((one) => [one.name, parameterSchema(one, signature, false)]),
    ),
  }
  return { type: 'object', properties, required: Object.keys(properties) }
}

function parameterSchema(parameter: Parameter, signature: Signature, isInput: boolean): Schema {
  const { type, shape, length, direction, name } = parameter
  switch (shape) {
    case 'none': {
      const schema = valueSchema(type, isInput)
      // Where it says how much memory another one needs.
      const sizes = signature.parameters
        .filter((other) => other.length === name)
        .map((other) => bytesOf(other.type))
      return sizes.length === 0
        ? schema
        : { type: 'integer', minimum: 0, maximum: Math.floor(mostBytes / Math.max(...sizes)) }
    }
    case 'single':
      return valueSchema(type, isInput)
    case 'list': {
      const most = typeof length === 'number' ? length : Math.floor(mostBytes / bytesOf(type))
      const isExact = isInput && typeof length === 'number'
      return {
        type: 'array',
        items: valueSchema(type, isInput),
        maxItems: most,
        ...(isExact && { minItems: most }),
      }
    }
    case 'bytes':
      return { type: 'string', contentEncoding: 'base64' }
    case 'text': {
      const most = typeof length === 'number' ? length - 1 : mostBytes
      return { type: 'string', ...((isInput || direction === 'inout') && { maxLength: most }) }
    }
  }
}

export function valueSchema(type: CType, isInput: boolean): Schema {
  switch (type.kind) {
    case 'void':
      return {}
    case 'bool':
      return { type: 'boolean' }
    case 'integer': {
      if (type.bytes === 8)
        return {
          description: 'Beyond 2^53 as a string of digits.',
          type: ['integer', 'string'],
          minimum: type.isSigned ? Number.MIN_SAFE_INTEGER : 0,
          maximum: Number.MAX_SAFE_INTEGER,
          pattern: type.isSigned ? '^-?[0-9]{1,20}$' : '^[0-9]{1,20}$',
        }
      const { min, max } = rangeOf(type)
      return { type: 'integer', minimum: Number(min), maximum: Number(max) }
    }
    case 'float': {
      const most = type.bytes === 4 && isInput ? { minimum: -mostFloat, maximum: mostFloat } : {}
      return { anyOf: [{ type: 'number', ...most }, { enum: [...unusualNumbers] }] }
    }
    case 'text':
      return { type: 'string', ...(isInput && { maxLength: type.bytes - 1 }) }
    case 'array':
      return {
        type: 'array',
        items: valueSchema(type.of, isInput),
        minItems: type.length,
        maxItems: type.length,
      }
    case 'struct':
      return {
        type: 'object',
        properties: Object.fromEntries(
          type.members.map((member) => [member.name, valueSchema(member.type, isInput)]),
        ),
        required: type.members.map(({ name }) => name),
        ...(isInput && { additionalProperties: false }),
      }
  }
}

/** Of a `float`. */
export const mostFloat = 3.4028234663852886e38

/** Numbers that JSON does not have. */
export const unusualNumbers = ['NaN', 'Infinity', '-Infinity'] as const

export function rangeOf({ bytes, isSigned }: { bytes: number; isSigned: boolean }): {
  min: bigint
  max: bigint
} {
  const bits = BigInt(bytes * 8)
  return isSigned
    ? { min: -(2n ** (bits - 1n)), max: 2n ** (bits - 1n) - 1n }
    : { min: 0n, max: 2n ** bits - 1n }
}
