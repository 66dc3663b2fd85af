import { idParam } from '../../contract/page-shapes.ts'
import { validate } from '../../contract/validate.ts'

/** The id of a job in a message. @throws INVALID_REQUEST */
export const readId = ({ id }: { id: string }): string => validate(idParam, { id }, 'The message').id
