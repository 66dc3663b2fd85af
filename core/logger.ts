import winston from 'winston'
import { makeLogOutput } from './log-output.ts'

/** Severity: error = a human must act now; warn = it healed, count it; info = once per state change of a process; debug = per job. */
export interface Logger {
  error(message: string, fields?: Fields): void
  warn(message: string, fields?: Fields): void
  info(message: string, fields?: Fields): void
  debug(message: string, fields?: Fields): void
  /** A logger whose lines all carry these fields too, such as requestId, jobId or nodeId. */
  child(fields: Fields): Logger
}

export type Fields = Record<string, unknown>

const secretName = /passw|secret|token|authori[sz]ation|cookie|api-?key|credential/i
const urlPassword = /(\b[a-z][a-z0-9+.-]*:\/\/[^\s:/@]*:)[^\s@/]+@/gi

/**
 * Log lines go to stdout: a sentence that never varies, with what varies in fields. Secrets are taken out by name and URLs lose their password. `level`
 * is asked for each line, for it may change. No process stops, or waits, because its lines can't be written.
 */
export function makeLogger(options: {
  level: () => Severity
  format: 'json' | 'console'
  fields?: Fields
}): Logger {
  const logger = winston.createLogger({
    levels: severities,
    level: 'debug',
    format: winston.format.combine(
      winston.format((info) => Object.assign(info, redact(info)))(),
      winston.format.timestamp(),
      options.format === 'json' ? winston.format.json() : winston.format.printf(readable),
    ),
    transports: [new winston.transports.Stream({ stream: makeLogOutput(process.stdout, tellLeftOut) })],
  })
  const write = (severity: Severity, message: string, fields: Fields): void => {
    logger.log(severity, message, fields)
  }
  const own = withFields(write, () => severities[options.level()], options.fields ?? {})
  function tellLeftOut(lines: number): void {
    own.warn('log lines were left out, nobody took them in time', { lines })
  }
  return own
}

const severities = { error: 0, warn: 1, info: 2, debug: 3 }
export type Severity = keyof typeof severities

/** winston would format lines that nobody sees; on the path of each request that costs more than the request's own work. */
function withFields(
  write: (severity: Severity, message: string, fields: Fields) => void,
  most: () => number,
  common: Fields,
): Logger {
  const at = (severity: Severity, message: string, fields: Fields | undefined): void => {
    if (severities[severity] <= most()) write(severity, message, { ...common, ...fields })
  }
  return {
    error(message, fields) {
      at('error', message, fields)
    },
    warn(message, fields) {
      at('warn', message, fields)
    },
    info(message, fields) {
      at('info', message, fields)
    },
    debug(message, fields) {
      at('debug', message, fields)
    },
    child: (fields) => withFields(write, most, { ...common, ...fields }),
  }
}

/** For tests and tools that want silence. */
export const silentLogger: Logger = {
  error() {},
  warn() {},
  info() {},
  debug() {},
  child: () => silentLogger,
}

/** A copy without secrets: values of telling names are replaced, errors become plain objects, passwords in URLs vanish. */
export function redact(fields: Fields): Fields {
  return Object.fromEntries(
    Object.entries(fields).map(([name, value]) => [
      name,
      secretName.test(name) ? '[redacted]' : clean(value, 0),
    ]),
  )
}

function clean(value: unknown, depth: number): unknown {
  if (typeof value === 'string') return value.replace(urlPassword, '$1[redacted]@')
  if (value instanceof Error) {
    const code = 'code' in value ? { code: value.code } : {}
    const cause = value.cause === undefined ? {} : { cause: clean(value.cause, depth + 1) }
    return { ...code, message: clean(value.message, depth), stack: clean(value.stack, depth), ...cause }
  }
  if (value instanceof Date || typeof value !== 'object' || value === null) return value
  if (depth > 5) return '[deep]'
  if (Array.isArray(value)) return value.map((item) => clean(item, depth + 1))
  return Object.fromEntries(
    Object.entries(value).map(([name, inner]) => [
      name,
      secretName.test(name) ? '[redacted]' : clean(inner, depth + 1),
    ]),
  )
}

function readable(info: winston.Logform.TransformableInfo): string {
  const { timestamp, level, message, ...fields } = info
  const time = String(timestamp).slice(11, 23)
  const error = fields['error']
  const stack =
    typeof error === 'object' && error !== null && 'stack' in error ? `\n${String(error.stack)}` : ''
  const rest = Object.entries(fields)
    .filter(([name]) => name !== 'error' || !stack)
    .map(([name, value]) => `${name}=${typeof value === 'string' ? value : JSON.stringify(value)}`)
    .join(' ')
  // Control characters would let a field's value forge lines or steer the terminal.
  return `${time} ${level.padEnd(5)} ${escapeControls(String(message))}${rest ? `  ${escapeControls(rest)}` : ''}${stack}`
}

function escapeControls(text: string): string {
  return text.replace(/\p{Cc}/gu, (char) => `\\x${char.charCodeAt(0).toString(16).padStart(2, '0')}`)
}
