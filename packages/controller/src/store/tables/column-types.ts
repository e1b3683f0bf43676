/** Types of columns that many tables share. */

/** Epoch microseconds, UTC. A safe integer until the year 2255. */
export type Microseconds = number;
/** A boolean as both engines keep it. */
export type Flag = 0 | 1;
