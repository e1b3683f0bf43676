/** What `@stile/cli` offers to others: running a command line in this process, and the types of the command table. */
export type {
  Command,
  CommandContext,
  CommandModule,
  CommandRow,
  CommandStreams,
  Flag,
  FlagGroup,
} from './command.ts';
