/** How an engine would run the statements of a repository's function: for tests that a query uses its index. */
import {
  CompiledQuery,
  type KyselyPlugin,
  type PluginTransformQueryArgs,
  type RootOperationNode,
} from 'kysely';
import { sql } from 'kysely';
import type { Connection, Database } from '../../packages/controller/src/store/database.ts';

/** A statement and its plan. */
export interface QueryPlan {
  readonly sql: string;
  /** One step a line, in the words of the engine. */
  readonly plan: string;
}

/** Keeps the statements that pass through a connection. */
class Watch implements KyselyPlugin {
  readonly nodes: {
    readonly node: RootOperationNode;
    readonly queryId: PluginTransformQueryArgs['queryId'];
  }[] = [];

  transformQuery({ node, queryId }: PluginTransformQueryArgs): RootOperationNode {
    this.nodes.push({ node, queryId });
    return node;
  }

  transformResult({ result }: Parameters<KyselyPlugin['transformResult']>[0]) {
    return Promise.resolve(result);
  }
}

/**
 * Runs `work` in a transaction, and explains every statement that it ran. PostgreSQL may not scan a table while it explains: the tables of
 * a test are too small for it to prefer an index.
 */
export async function plansOf(
  database: Database,
  work: (db: Connection) => Promise<unknown>,
): Promise<QueryPlan[]> {
  const watch = new Watch();
  await database.write((tx) => work(tx.withPlugin(watch)));
  if (database.engine === 'sqlite') return explained(database.reader, watch, 'explain query plan');
  return database.write(async (tx) => {
    await sql`set local enable_seqscan = off`.execute(tx);
    return explained(tx, watch, 'explain');
  });
}

async function explained(db: Connection, watch: Watch, words: string): Promise<QueryPlan[]> {
  const plans: QueryPlan[] = [];
  for (const { node, queryId } of watch.nodes) {
    const compiled = db.getExecutor().compileQuery(node, queryId);
    const query = CompiledQuery.raw(`${words} ${compiled.sql}`, [...compiled.parameters]);
    const { rows } = await db.executeQuery<Record<string, string>>(query);
    plans.push({ sql: compiled.sql, plan: rows.map((row) => row['QUERY PLAN'] ?? row['detail']).join('\n') });
  }
  return plans;
}
