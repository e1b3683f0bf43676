/** The version of this build; `terminal/terminal.test.ts` holds it equal to package.json, so that nothing is read at start. */

/** As printed by `stile version`. */
export const version = '0.1.0';
