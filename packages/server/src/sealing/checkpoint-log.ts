/**
 * The checkpoint log: one line of JSON for every checkpoint that was ever signed, appended and flushed to disk before the
 * checkpoint is published. It lies with the keys, outside the database, so that a database that was restored to an
 * earlier time cannot make us sign against what customers hold.
 */
import { createReadStream } from 'node:fs';
import { open, stat, type FileHandle } from 'node:fs/promises';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { z } from 'zod';
import { giveToDirectoryOwner, syncDirectory, systemErrorCode } from '../data-dir.ts';
import { parseCheckpoint } from './note.ts';

const lineSchema = z.object({
  account_id: z.string(),
  epoch: z.int().positive(),
  at: z.iso.datetime(),
  checkpoint: z.string(),
});

export interface LoggedCheckpoint {
  /** `acct_…` */
  readonly accountId: string;
  readonly epoch: number;
  readonly size: number;
  readonly root: Buffer;
  readonly at: string;
  /** The signed note. */
  readonly checkpoint: string;
}

/** A line that is neither whole nor the cut-off last one: the file was damaged or edited. */
export class CheckpointLogDamaged extends Error {
  override readonly name = 'CheckpointLogDamaged';
}

function parseLine(text: string, file: string, line: number): LoggedCheckpoint {
  let raw: unknown;
  try {
    raw = JSON.parse(text);
  } catch {
    raw = null;
  }
  const parsed = lineSchema.safeParse(raw);
  const content = parsed.success ? parseCheckpoint(parsed.data.checkpoint) : null;
  if (!parsed.success || content === null) {
    throw new CheckpointLogDamaged(
      `Line ${line} of ${file} is damaged. Put the file back from a backup, or its undamaged copy.`,
    );
  }
  const { account_id: accountId, epoch, at, checkpoint } = parsed.data;
  return { accountId, epoch, size: content.size, root: content.root, at, checkpoint };
}

export function checkpointLogFile(directory: string): string {
  return path.join(directory, 'checkpoints.jsonl');
}

/** Every line, oldest first. A last line without its end was never published and is left out. */
export async function* readCheckpointLog(
  directory: string,
  fromByte = 0,
): AsyncGenerator<LoggedCheckpoint, void, undefined> {
  const file = checkpointLogFile(directory);
  const end = await wholeLength(file);
  if (end <= fromByte) return;
  const lines = createInterface({
    input: createReadStream(file, { start: fromByte, end: end - 1 }),
    crlfDelay: Infinity,
  });
  let number = 0;
  for await (const line of lines) {
    number += 1;
    yield parseLine(line, file, number);
  }
}

const TAIL_BYTES = 65_536;

/** Bytes up to and with the last line end. 0 when there is no file. */
async function wholeLength(file: string): Promise<number> {
  let handle: FileHandle;
  try {
    handle = await open(file, 'r');
  } catch (error) {
    if (systemErrorCode(error) === 'ENOENT') return 0;
    throw error;
  }
  try {
    let end = (await handle.stat()).size;
    const tail = Buffer.alloc(TAIL_BYTES);
    while (end > 0) {
      const start = Math.max(0, end - TAIL_BYTES);
      const { bytesRead } = await handle.read(tail, 0, end - start, start);
      const at = tail.subarray(0, bytesRead).lastIndexOf(0x0a);
      if (at >= 0) return start + at + 1;
      end = start;
    }
    return 0;
  } finally {
    await handle.close();
  }
}

/** The log as the sealer has it open: the last checkpoint of every account, and a way to add to them. */
export class CheckpointLog {
  readonly #directory: string;
  readonly #handle: FileHandle;
  readonly #heads: Map<string, LoggedCheckpoint>;
  #bytes: number;

  private constructor(directory: string, handle: FileHandle, heads: Map<string, LoggedCheckpoint>, bytes: number) {
    this.#directory = directory;
    this.#handle = handle;
    this.#heads = heads;
    this.#bytes = bytes;
  }

  /** Opens the log, made when missing, and cuts off a line that a crash left half written. Reads it once. */
  static async open(directory: string): Promise<CheckpointLog> {
    const file = checkpointLogFile(directory);
    const handle = await open(file, 'a', 0o600);
    try {
      giveToDirectoryOwner(handle.fd, directory);
      syncDirectory(directory);
      const bytes = await wholeLength(file);
      if ((await handle.stat()).size > bytes) await handle.truncate(bytes);
      // Lines that a killed process wrote and did not flush count as signed from here on.
      await handle.sync();
      const heads = new Map<string, LoggedCheckpoint>();
      for await (const line of readCheckpointLog(directory)) advance(heads, line);
      return new CheckpointLog(directory, handle, heads, bytes);
    } catch (error) {
      await handle.close();
      throw error;
    }
  }

  /** The furthest checkpoint of an account. */
  head(accountId: string): LoggedCheckpoint | null {
    return this.#heads.get(accountId) ?? null;
  }

  heads(): Iterable<LoggedCheckpoint> {
    return this.#heads.values();
  }

  /** Whether somebody else wrote to the file, or put another one in its place, since it was opened. */
  async isStale(): Promise<boolean> {
    const file = checkpointLogFile(this.#directory);
    const [own, there] = [await this.#handle.stat(), await stat(file).catch(() => null)];
    return there === null || there.ino !== own.ino || there.size !== this.#bytes;
  }

  /** When it resolves, the lines survive a power cut. When it rejects, some of them may be in the file all the same. */
  async append(lines: readonly LoggedCheckpoint[]): Promise<void> {
    const text = Buffer.from(
      lines
        .map((line) =>
          JSON.stringify({ account_id: line.accountId, epoch: line.epoch, at: line.at, checkpoint: line.checkpoint }),
        )
        .map((line) => `${line}\n`)
        .join(''),
    );
    await this.#handle.appendFile(text);
    await this.#handle.datasync();
    this.#bytes += text.length;
    for (const line of lines) advance(this.#heads, line);
  }

  async close(): Promise<void> {
    await this.#handle.close();
  }
}

function advance(heads: Map<string, LoggedCheckpoint>, line: LoggedCheckpoint): void {
  const before = heads.get(line.accountId);
  if (before === undefined || line.epoch > before.epoch || (line.epoch === before.epoch && line.size > before.size)) {
    heads.set(line.accountId, line);
  }
}
