/** The answer of what has nothing to tell. */
import { HttpApiSchema } from "effect/http-api"

export const done = HttpApiSchema.NoContent.annotate({ description: "It is done." })
