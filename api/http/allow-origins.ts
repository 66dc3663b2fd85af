import cors from 'cors'
import type express from 'express'

/**
 * Lets pages of other origins call the API from a browser (Fetch Standard, 3.2, CORS). They bring a token of their own: no cookie goes with such a call, and the
 * board, which has one, is not reached by it.
 */
export function allowOrigins(origins: readonly string[]): express.RequestHandler {
  return cors({
    origin: origins.includes('*') ? '*' : [...origins],
    methods: ['GET', 'POST', 'PUT', 'PATCH', 'DELETE'],
    allowedHeaders: [
      ...['Authorization', 'Content-Type', 'Idempotency-Key', 'Prefer'],
      ...['Last-Event-ID', 'Range', 'If-Range', 'X-Request-Id'],
    ],
    exposedHeaders: [
      ...['X-Request-Id', 'Retry-After', 'RateLimit', 'RateLimit-Policy', 'Location'],
      ...['Preference-Applied', 'Content-Range', 'Content-Disposition', 'ETag'],
    ],
    maxAge: 600,
  })
}
