/**
 * Whether what was written there can be drawn again: on a terminal that moves its cursor. What a CI system shows of one is a log.
 *
 * @param {{ isTTY?: boolean }} output
 */
export const canRedraw = (output) => output.isTTY === true && process.env.TERM !== 'dumb' && !process.env.CI;
