/** What one check of the doctor found. */
export interface Finding {
  check: string
  status: 'ok' | 'warning' | 'failure'
  /** What is so, in a sentence. */
  message: string
  /** What to do about it. */
  remedy?: string
}

export const ok = (check: string, message: string): Finding => ({ check, status: 'ok', message })

export const warning = (check: string, message: string, remedy: string): Finding => ({
  check,
  status: 'warning',
  message,
  remedy,
})

export const failure = (check: string, message: string, remedy: string): Finding => ({
  check,
  status: 'failure',
  message,
  remedy,
})
