/**
 * What five usual changes cost, as lists of the files that they touch by hand. New files stand in fixtures/cost-of-change,
 * edits of existing ones here. cost-of-change.test.ts makes them in a copy of the repository.
 */
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';

interface Edit {
  readonly file: string;
  readonly find: string;
  readonly replace: string;
}

export interface Change {
  readonly name: string;
  /** What docs/ARCHITECTURE.md says has to be touched: a pattern for each kind of file. */
  readonly allowed: readonly RegExp[];
  /** Folder of fixtures/cost-of-change with the new files. */
  readonly newFiles?: string;
  readonly edits: readonly Edit[];
}

const SERVER = 'packages/server/src';
const FIXTURES = path.resolve(import.meta.dirname, 'fixtures/cost-of-change');

const ADAPTER: Change = {
  name: 'another upstream API',
  allowed: [
    /^packages\/server\/src\/upstreams\/kinora(\.test)?\.ts$/,
    /\/registry\.ts$/,
    /^docs\/upstreams\/kinora\.md$/,
  ],
  newFiles: 'adapter',
  edits: [
    {
      file: `${SERVER}/upstreams/registry.ts`,
      find: "import { grsai } from './grsai.ts';\n",
      replace: "import { grsai } from './grsai.ts';\nimport { kinora } from './kinora.ts';\n",
    },
    { file: `${SERVER}/upstreams/registry.ts`, find: '= [grsai]', replace: '= [grsai, kinora]' },
  ],
};

const PARAMETER: Change = {
  name: 'another batch parameter',
  allowed: [/^packages\/contract\/src\/facts\/params\.ts$/, /^packages\/server\/src\/upstreams\/kinora\.ts$/],
  edits: [
    {
      file: 'packages/contract/src/facts/params.ts',
      find: '} as const satisfies Record<string, ParamFact>;',
      replace: `  grain: {
    kind: 'integer',
    description: 'Grain of the film, in percent.',
    models: { 'sora-2': { min: 0, max: 100 } },
  },
} as const satisfies Record<string, ParamFact>;`,
    },
    {
      file: `${SERVER}/upstreams/kinora.ts`,
      find: 'ratio: params.aspect_ratio }',
      replace: 'ratio: params.aspect_ratio, grain: params.grain }',
    },
  ],
};

const RESOURCE: Change = {
  name: 'another REST resource with a table',
  allowed: [
    /^packages\/contract\/src\/notes\.ts$/,
    /^packages\/server\/src\/notes\//,
    /^packages\/server\/src\/http\/(routes\/notes|notes\.test)\.ts$/,
    /^packages\/sdk\/src\/resources\/notes\.ts$/,
    /^packages\/cli\/src\/commands\/notes\/list\.ts$/,
  ],
  newFiles: 'resource',
  edits: [],
};

const LIMIT: Change = {
  name: 'another plan limit',
  allowed: [/^packages\/contract\/src\/facts\/limits\.ts$/, /^packages\/server\/src\/notes\/notes(\.test)?\.ts$/],
  newFiles: 'limit',
  edits: [
    {
      file: 'packages/contract/src/facts/limits.ts',
      find: '} as const satisfies Record<string, LimitFact>;',
      replace: `  max_notes: {
    unit: 'notes',
    description: 'Notes of the account.',
    plans: { pilot: 1, growth: 100, enterprise: 1_000 },
    min: 0,
    visible: true,
  },
} as const satisfies Record<string, LimitFact>;`,
    },
    {
      file: `${SERVER}/notes/notes.ts`,
      find: "import type { Queryable } from '../db/index.ts';\nimport { accept, type Outcome }",
      replace:
        "import { lockLimits } from '../accounts/index.ts';\nimport type { Queryable } from '../db/index.ts';\nimport { accept, refuse, type Outcome }",
    },
    {
      file: `${SERVER}/notes/notes.ts`,
      find: '  const [row] = await tx.query<NoteRow>(\n    `INSERT',
      replace: `  const { max_notes: most } = await lockLimits(tx, note.accountUuid);
  const [count] = await tx.query<{ notes: number }>('SELECT count(*) AS notes FROM notes WHERE account_id = $1', [
    note.accountUuid,
  ]);
  if (count === undefined || count.notes >= most) {
    return refuse({ code: 'state_conflict', detail: \`The account has \${most} notes, the most that its plan allows.\` });
  }
  const [row] = await tx.query<NoteRow>(
    \`INSERT`,
    },
  ],
};

const EVENT: Change = {
  name: 'another webhook event',
  allowed: [/^packages\/contract\/src\/facts\/events\.ts$/, /^packages\/server\/src\/notes\/notes\.ts$/],
  edits: [
    {
      file: 'packages/contract/src/facts/events.ts',
      find: '} as const;\n\nexport type EventType',
      replace: `  'note.created': event({
    when: 'a note is made',
    data: ({ z }) => z.object({ note_id: z.string(), text: z.string() }),
    example: () => ({ note_id: 'nte_sample', text: 'Ask for 4K' }),
  }),
} as const;

export type EventType`,
    },
    {
      file: `${SERVER}/notes/notes.ts`,
      find: "  if (row === undefined) throw new Error('a note that was inserted is not there');\n",
      replace: `  if (row === undefined) throw new Error('a note that was inserted is not there');
  await tx.query(\`SELECT append_event($1, 'note.created', NULL, NULL, NULL, $2::jsonb)\`, [
    note.accountUuid,
    { note_id: noteIds.format(row.note_id), text: row.text },
  ]);
`,
    },
  ],
};

/** In the order in which they are made: later ones stand on earlier ones. */
export const CHANGES: readonly Change[] = [ADAPTER, PARAMETER, RESOURCE, LIMIT, EVENT];

function filesBelow(folder: string): readonly string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => path.relative(folder, path.join(entry.parentPath, entry.name)));
}

/** Makes a change below `root`. Returns the files that it touched by hand. */
export function make(change: Change, root: string): readonly string[] {
  const touched = new Set<string>();
  const write = (file: string, text: string): void => {
    mkdirSync(path.dirname(path.join(root, file)), { recursive: true });
    writeFileSync(path.join(root, file), text);
    touched.add(file);
  };
  if (change.newFiles !== undefined) {
    const folder = path.join(FIXTURES, change.newFiles);
    for (const file of filesBelow(folder))
      write(file.replace(/\.txt$/, ''), readFileSync(path.join(folder, file), 'utf8'));
  }
  for (const { file, find, replace } of change.edits) {
    const text = readFileSync(path.join(root, file), 'utf8');
    if (text.split(find).length !== 2) throw new Error(`${change.name}: ${file} has no single place "${find}"`);
    write(
      file,
      text.replace(find, () => replace),
    );
  }
  return [...touched].sort();
}
