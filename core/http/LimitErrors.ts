/** How the API answers to one who lacks a right on what was named. */
import type { NotPermitted } from "../domain/Access.ts"
import { errorResponse } from "./ErrorResponse.ts"

/** `forbidden`, 403. */
export const notPermitted = ({ message }: NotPermitted) => errorResponse({ code: "forbidden", message })
