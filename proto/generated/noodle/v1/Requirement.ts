// Original file: proto/noodle/v1/jobs.proto

export const Requirement = {
  REQUIREMENT_UNSPECIFIED: 'REQUIREMENT_UNSPECIFIED',
  REQUIREMENT_LIGHT: 'REQUIREMENT_LIGHT',
  REQUIREMENT_MEDIUM: 'REQUIREMENT_MEDIUM',
  REQUIREMENT_HEAVY: 'REQUIREMENT_HEAVY',
} as const;

export type Requirement =
  | 'REQUIREMENT_UNSPECIFIED'
  | 0
  | 'REQUIREMENT_LIGHT'
  | 1
  | 'REQUIREMENT_MEDIUM'
  | 2
  | 'REQUIREMENT_HEAVY'
  | 3

export type Requirement__Output = typeof Requirement[keyof typeof Requirement]
