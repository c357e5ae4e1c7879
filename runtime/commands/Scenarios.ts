/** `muster scenarios`: the properties that can be checked, and their mutants. */
import { Console, Effect } from "effect"
import { Command } from "effect/cli"
import { properties } from "../../scenarios/Properties.ts"

export const scenarios = Command.make("scenarios", {}, () =>
  Effect.forEach(
    properties,
    ({ focus, id, mutants, requirements, title }) =>
      Effect.gen(function* () {
        yield* Console.log(`${id} ${title} (${requirements.join(", ")})`)
        if (focus !== undefined) yield* Console.log(`   programs ${id}/whole, ${id}/focus`)
        for (const mutant of mutants) yield* Console.log(`   ${mutant.id}: ${mutant.what}`)
      }),
    { discard: true }
  )
).pipe(Command.withDescription("List what can be checked"))
