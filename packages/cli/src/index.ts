/** What `@stile/cli` offers to others: running a command line in this process, and the types of the command table. */
export type { Command, CommandContext, CommandModule, CommandRow, Flag, FlagGroup } from './command.ts';
export type { CommandStreams } from './terminal/streams.ts';
