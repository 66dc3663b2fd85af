/** The codes that the `error` of a job or an attempt may have, with what each means; docs/errors.md is made from it. */
export const jobErrorCodes = {
  TIMEOUT: 'The attempt ran longer than `timeoutMs`.',
  EXIT_CODE:
    'The command, or the process of the task, ended with an exit code other than 0, or before it told a result; the message has it, and the end of what it printed.',
  SIGNAL:
    'The command, or the process of the task, was ended by a signal that Noodle did not send, such as SIGKILL by the kernel when memory is short.',
  SILENT: 'The task told nothing for as long as its `silenceMs` allows.',
  OUT_OF_MEMORY:
    'Its processes needed more memory than it may use, and were killed. Ask for more by `resources.memoryMb`.',
  SCRATCH_FULL:
    'It had more in its folders, of scratch and of artifacts, than `SCRATCH_LIMIT_BYTES` or `SCRATCH_LIMIT_FILES` allow, and was killed.',
  TASK_ERROR: 'The task threw an error; the message is its own.',
  TASK_UNKNOWN: 'The node does not offer the task any more.',
  PAYLOAD_MISFIT: "The payload does not fit the task's schema on the node that ran it. Not tried again.",
  COMMAND_NOT_ALLOWED: "The program is not on the node's list `TASK_COMMAND_ALLOW`. Not tried again.",
  ADDRESS_NOT_ALLOWED:
    "The call would go to an address that the node's list `TASK_HTTP_ALLOW` does not have. Not tried again.",
  HTTP_STATUS:
    'The answer had a status that was not expected; the message has it, and the begin of the body. Tried again only after a status of `retryOn`.',
  HTTP_FAILED: 'There was no answer, or not a whole one, in time; the message says why.',
  IMAGE_NOT_ALLOWED: "The image is not on the node's list `TASK_CONTAINER_IMAGES`. Not tried again.",
  NETWORK_NOT_ALLOWED: "The network is not on the node's list `TASK_CONTAINER_NETWORKS`. Not tried again.",
  IMAGE_MISSING:
    "The node's container engine has no such image, and may not fetch it (`TASK_CONTAINER_PULL`) or could not.",
  ENGINE_UNAVAILABLE: "The node's container engine does not answer, or went away while the container ran.",
  ENV_NOT_ALLOWED:
    'The command or container asked for an environment variable that it may not set. Not tried again.',
  SPAWN_FAILED: 'The program could not be started; the message says why. Tried again where that may help.',
  SECRET_UNAVAILABLE:
    'A secret that the task uses can not be had; the message names it, and what to do. Tried again only where another node may have its key.',
  RESULT_INVALID:
    "The task's result can't be told as JSON, does not fit the task's schema, or holds a secret. Not tried again.",
  RESULT_TOO_LARGE:
    'The result is larger than `RESULT_LIMIT_BYTES`. Not tried again; write what is larger into a file of `artifacts`.',
  ARTIFACTS_TOO_LARGE:
    'It left more artifacts than `ARTIFACT_LIMIT_BYTES` or `ARTIFACT_LIMIT_COUNT` allow. Not tried again.',
  BLOBS_UNAVAILABLE:
    'The blob store could not be used for its payload, result or artifacts; the message says why.',
  BLOB_LOST:
    'Its payload is not in the blob store that its node sees, or has not the checksum that it had. Another node is tried.',
  WORKER_LOST: 'The node died under it, as often as `CRASH_LIMIT` says. The job may be what kills its nodes.',
  HANDED_BACK_TOO_OFTEN:
    'Stopping nodes handed it back as often as `HAND_BACK_LIMIT` says; it runs longer than nodes live.',
  CANCELLED: 'Cancelled on request.',
} as const

export type JobErrorCode = keyof typeof jobErrorCodes

export const isJobErrorCode = (text: string): text is JobErrorCode => Object.hasOwn(jobErrorCodes, text)
