/** What a room says of its part of the database. The migration runner collects these and names no table itself. */

/** One step forward of a room's tables. It is applied once and never changed after a release. */
export interface Migration {
  /** Four digits and a name, such as `0002_low_threshold`. A room's migrations run in the order of its list. */
  readonly name: string;
  readonly sql: string;
}

/** An SQL function in the form that is in force. The runner applies all of them after the migrations, each time anew. */
export interface SqlFunction {
  /** Not overloaded: one function has this name. */
  readonly name: string;
  /** What it does, answers and raises. It becomes the comment of the function in the database. */
  readonly comment: string;
  /** `CREATE OR REPLACE FUNCTION …`. */
  readonly sql: string;
}

/** An SQL view, applied like a function. */
export interface SqlView {
  readonly name: string;
  readonly comment: string;
  /** `CREATE OR REPLACE VIEW …`. */
  readonly sql: string;
}

/**
 * What the application's role may do with a table beside reading it: `functions` nothing, only SQL functions write it;
 * `insert` add rows; `open` add, change and delete rows.
 */
export type TableAccess = 'functions' | 'insert' | 'open';

/** The door of a room's `sql` folder. */
export interface RoomSchema {
  /** The room's folder. It stands in front of the names of its migrations. */
  readonly name: string;
  /** Rooms whose tables or types this room's SQL names when it is created; their migrations run first. */
  readonly after: readonly string[];
  readonly migrations: readonly Migration[];
  /** Every table of the room. */
  readonly tables: Readonly<Record<string, TableAccess>>;
  readonly views: readonly SqlView[];
  readonly functions: readonly SqlFunction[];
}

/**
 * The rooms in an order in which each stands behind those that it names in `after`; otherwise as given. Throws when one
 * names a room that is not there, when two have one name, or when rooms wait for each other.
 */
export function inOrder(rooms: readonly RoomSchema[]): readonly RoomSchema[] {
  const byName = new Map(rooms.map((room) => [room.name, room]));
  if (byName.size < rooms.length) throw new Error('two rooms of the schema have one name');
  const ordered = new Set<RoomSchema>();
  const place = (room: RoomSchema, waiting: readonly string[]): void => {
    if (ordered.has(room)) return;
    if (waiting.includes(room.name)) {
      throw new Error(`rooms of the schema wait for each other: ${[...waiting, room.name].join(', ')}`);
    }
    for (const name of room.after) {
      const before = byName.get(name);
      if (before === undefined) throw new Error(`the schema of ${room.name} comes after ${name}, which is not there`);
      place(before, [...waiting, room.name]);
    }
    ordered.add(room);
  };
  for (const room of rooms) place(room, []);
  return [...ordered];
}

/** The room's migrations by the names that they are remembered by: `ledger/0001_tables`. */
export function migrationsOf(room: RoomSchema): readonly Migration[] {
  return room.migrations.map(({ name, sql }) => ({ name: `${room.name}/${name}`, sql }));
}
