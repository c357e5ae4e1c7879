/**
 * The forms of the results as JSON Schema (2020-12), for programs that read them: docs/schema/ holds these, each in a
 * file of its name.
 */
import { Schema } from "effect"
import { CheckReport } from "./CheckReport.ts"
import { MutantsReport } from "./MutantsReport.ts"

type JsonSchema = Readonly<Record<string, unknown>>

const jsonSchemaOf = (title: string, of: Schema.Constraint): JsonSchema => {
  const { definitions, schema } = Schema.toJsonSchemaDocument(of)
  const hasDefinitions = Object.keys(definitions).length > 0
  return {
    $schema: "https://json-schema.org/draft/2020-12/schema",
    title,
    ...schema,
    ...(hasDefinitions ? { $defs: definitions } : {})
  }
}

export const jsonSchemas: Readonly<Record<"check-report" | "mutants-report", JsonSchema>> = {
  "check-report": jsonSchemaOf(`Results of muster check, format ${CheckReport.fields.format.literal}`, CheckReport),
  "mutants-report": jsonSchemaOf(
    `Results of muster mutants, format ${MutantsReport.fields.format.literal}`,
    MutantsReport
  )
}
