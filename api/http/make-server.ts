import { createServer, IncomingMessage, type Server, type ServerOptions, ServerResponse } from 'node:http'
import type express from 'express'

/**
 * A server whose requests and answers are born as the application's: Express would change the prototype of each (app.handle), and what V8 knows of objects
 * with one that was changed it looks up the slow way.
 */
export function makeServer(app: express.Express, options: ServerOptions): Server {
  return createServer(
    {
      ...options,
      IncomingMessage: bornAs(IncomingMessage, app.request),
      ServerResponse: bornAs<typeof ServerResponse<IncomingMessage>>(ServerResponse, app.response),
    },
    app,
  )
}

/** Constructs as `parent` does, with this prototype, which descends from the parent's. */
function bornAs<T extends new (...args: never[]) => object>(parent: T, prototype: object): T {
  function Born(...args: unknown[]): object {
    return Reflect.construct(parent, args, Born) as object
  }
  Born.prototype = prototype
  return Born as unknown as T
}
