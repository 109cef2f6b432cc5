import type { Queryable } from './database.ts';

interface Definition {
  readonly definition: string;
}

async function definitions(db: Queryable, sql: string): Promise<string[]> {
  return (await db.query<Definition>(sql)).map((row) => row.definition);
}

/**
 * The whole schema `public` as SQL text in a fixed order: tables with columns, constraints, indexes, triggers and comments,
 * then views and functions with theirs. Read from the catalogue, since the embedded PostgreSQL comes without pg_dump.
 */
export async function describeSchema(db: Queryable): Promise<string> {
  const tables = await db.query<{ name: string; oid: number; options: string | null }>(
    `SELECT c.relname AS name, c.oid::int AS oid, array_to_string(c.reloptions, ', ') AS options
     FROM pg_class c
     WHERE c.relnamespace = 'public'::regnamespace AND c.relkind = 'r' AND c.relname NOT LIKE 'schema_migrations%'
     ORDER BY c.relname`,
  );
  const parts: string[] = [];
  for (const table of tables) {
    const columns = await definitions(
      db,
      `SELECT a.attname || ' ' || format_type(a.atttypid, a.atttypmod)
         || CASE WHEN a.attnotnull THEN ' NOT NULL' ELSE '' END
         || CASE
           WHEN a.attgenerated = 's' THEN ' GENERATED ALWAYS AS (' || pg_get_expr(d.adbin, d.adrelid) || ') STORED'
           ELSE coalesce(' DEFAULT ' || pg_get_expr(d.adbin, d.adrelid), '')
         END AS definition
       FROM pg_attribute a LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
       WHERE a.attrelid = ${table.oid} AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum`,
    );
    // NOT NULL stands with the column already; since version 18 it is a constraint as well.
    const constraints = await definitions(
      db,
      `SELECT 'CONSTRAINT ' || conname || ' ' || pg_get_constraintdef(oid) AS definition
       FROM pg_constraint WHERE conrelid = ${table.oid} AND contype IN ('p', 'u', 'c', 'f')
       ORDER BY array_position(ARRAY['p', 'u', 'f', 'c'], contype::text), conname`,
    );
    const rows = [...columns, ...constraints].map((line) => `  ${line}`).join(',\n');
    parts.push(`CREATE TABLE ${table.name} (\n${rows}\n)${table.options === null ? '' : ` WITH (${table.options})`};`);
    const indexes = await definitions(
      db,
      `SELECT pg_get_indexdef(i.indexrelid) || ';' AS definition FROM pg_index i
       WHERE i.indrelid = ${table.oid} AND NOT EXISTS (SELECT FROM pg_constraint c WHERE c.conindid = i.indexrelid
         AND c.contype IN ('p', 'u')) ORDER BY 1`,
    );
    const triggers = await definitions(
      db,
      `SELECT pg_get_triggerdef(oid) || ';' AS definition FROM pg_trigger
       WHERE tgrelid = ${table.oid} AND NOT tgisinternal ORDER BY tgname`,
    );
    parts.push(...indexes, ...triggers, ...(await commentsOnTable(db, table.oid)));
  }
  const views = await definitions(
    db,
    `SELECT 'CREATE VIEW ' || relname || ' AS' || E'\n' || pg_get_viewdef(oid)
       || coalesce(E'\nCOMMENT ON VIEW ' || relname || ' IS ' || quote_literal(obj_description(oid, 'pg_class')) || ';', '')
       AS definition
     FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind = 'v' ORDER BY relname`,
  );
  const functions = await definitions(
    db,
    `SELECT rtrim(pg_get_functiondef(p.oid), E'\n') || ';'
       || coalesce(E'\nCOMMENT ON FUNCTION ' || p.proname || ' IS ' || quote_literal(obj_description(p.oid, 'pg_proc')) || ';', '')
       AS definition
     FROM pg_proc p
     WHERE p.pronamespace = 'public'::regnamespace AND p.prokind = 'f' ORDER BY p.oid::regprocedure::text`,
  );
  return `${[...parts, ...views, ...functions].join('\n\n')}\n`;
}

async function commentsOnTable(db: Queryable, oid: number): Promise<string[]> {
  const comments = await definitions(
    db,
    `SELECT 'COMMENT ON ' || CASE d.objsubid WHEN 0 THEN 'TABLE ' || c.relname ELSE 'COLUMN ' || c.relname || '.' || a.attname END
       || ' IS ' || quote_literal(d.description) || ';' AS definition
     FROM pg_description d JOIN pg_class c ON c.oid = d.objoid
     LEFT JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = d.objsubid AND d.objsubid > 0
     WHERE d.classoid = 'pg_class'::regclass AND d.objoid = ${oid} ORDER BY d.objsubid`,
  );
  return comments.length === 0 ? [] : [comments.join('\n')];
}
