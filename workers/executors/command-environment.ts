import { PermanentFailure } from '../task.ts'

/** What a command takes over from its worker; nothing else of the worker's environment, where the secrets are. */
export interface InheritedEnvironment {
  PATH: string
  LANG: string
  TZ?: string
}

// The system's settings for the worker itself, not options of ours: so this is read here, beside core/config.ts.
export function readInheritedEnvironment(env: NodeJS.ProcessEnv = process.env): InheritedEnvironment {
  const timeZone = env['TZ']
  return {
    PATH: env['PATH'] || '/usr/local/bin:/usr/bin:/bin',
    LANG: env['LANG'] || 'C.UTF-8',
    ...(timeZone && { TZ: timeZone }),
  }
}

/** Variables that make a program load foreign code before its own begins, or that Noodle sets itself. Names are compared in upper case. */
const refused = [
  /^(CUDA_VISIBLE_DEVICES|PATH|HOME|PWD|TMPDIR|SHELL|IFS|ENV|BASH_ENV|BASH_FUNC_.*)$/,
  /^(LD|DYLD|NOODLE|GLIBC|GCONV|MALLOC)_/,
  /^(NODE_OPTIONS|NODE_PATH|NODE_EXTRA_CA_CERTS|PERL5OPT|PERL5LIB|RUBYOPT|RUBYLIB|GIT_.*|PYTHON(PATH|HOME|STARTUP|INSPECT)|(JAVA_TOOL|JDK_JAVA|_JAVA)_OPTIONS)$/,
]

/**
 * The whole environment of a command: what it inherits, its scratch folder as HOME and TMPDIR, its marks, and what the payload sets.
 * @throws PermanentFailure ENV_NOT_ALLOWED naming the variable
 */
export function commandEnvironment(
  inherited: InheritedEnvironment,
  own: { scratch: string; marks: Record<string, string> },
  payload: Record<string, string> = {},
): Record<string, string> {
  for (const name of Object.keys(payload)) {
    if (refused.some((pattern) => pattern.test(name.toUpperCase()))) {
      throw new PermanentFailure(
        'ENV_NOT_ALLOWED',
        `The variable ${name} can't be set by a job: it would change which code runs, or is set for it. Leave it out of payload.env.`,
      )
    }
  }
  return { ...inherited, ...payload, HOME: own.scratch, TMPDIR: own.scratch, ...own.marks }
}
