/** A line of the program's own log: stdout and stderr, which the manager keeps. */
export const say = (text) => process.stdout.write(`${text}\n`)
export const complain = (text) => process.stderr.write(`${text}\n`)
