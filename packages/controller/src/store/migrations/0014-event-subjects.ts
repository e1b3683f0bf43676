/**
 * An event row names everything of its kind that one unit of work did, so that the end of a thousand sessions is a few rows. What stood
 * in the column before is a list of one.
 */
import type { Step } from './ddl.ts';

/** Step 14. */
export const eventSubjectsStep: Step = {
  name: '0014-event-subjects',
  statements: () => [`alter table store_event rename column session_id to subject_ids`],
};
