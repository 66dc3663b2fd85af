/** Says what is wrong to a person, without a stack, and ends the command: with 1 when the thing failed, with 2 when it was asked for wrongly. */
export class CliError extends Error {
  readonly exitCode: 1 | 2
  /** True when the same may work a moment later. */
  readonly isPassing: boolean

  constructor(message: string, options: { exitCode?: 1 | 2; isPassing?: boolean; cause?: unknown } = {}) {
    super(message, { cause: options.cause })
    this.name = 'CliError'
    this.exitCode = options.exitCode ?? 1
    this.isPassing = options.isPassing ?? false
  }
}
