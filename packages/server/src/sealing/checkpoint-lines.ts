/** The checkpoint log as lines of text: how it is written, how it is read, and over which files it stretches. */
import { open, readdir, type FileHandle } from 'node:fs/promises';
import path from 'node:path';
import { z } from 'zod';
import { systemErrorCode } from '../data-directory/index.ts';
import { parseCheckpoint } from './note.ts';
import { ExplainedError } from '../outcome/index.ts';

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
class CheckpointLogDamaged extends ExplainedError {
  override readonly name = 'CheckpointLogDamaged';
}

export function formatLine(line: LoggedCheckpoint): string {
  const { accountId, epoch, at, checkpoint } = line;
  return `${JSON.stringify({ account_id: accountId, epoch, at, checkpoint })}\n`;
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
      `Line ${line} of ${file} is damaged. Restore the file from a backup or another undamaged copy.`,
    );
  }
  const { account_id: accountId, epoch, at, checkpoint } = parsed.data;
  return { accountId, epoch, size: content.size, root: content.root, at, checkpoint };
}

const LINE_END = 0x0a;
const TAIL_BYTES = 65_536;
const READ_BYTES = 1 << 20;

/** Bytes up to and with the last line end. */
export async function wholeLength(handle: FileHandle): Promise<number> {
  let end = (await handle.stat()).size;
  const tail = Buffer.alloc(TAIL_BYTES);
  while (end > 0) {
    const start = Math.max(0, end - TAIL_BYTES);
    const { bytesRead } = await handle.read(tail, 0, end - start, start);
    const at = tail.subarray(0, bytesRead).lastIndexOf(LINE_END);
    if (at >= 0) return start + at + 1;
    end = start;
  }
  return 0;
}

export interface LineRange {
  readonly file: string;
  readonly handle: FileHandle;
  /** First byte; the start of a line. */
  readonly from: number;
  /** The byte behind the last one. */
  readonly to: number;
  /** Lines before `from`, for messages. */
  readonly linesBefore: number;
  /** Only lines with this text in them are read. */
  readonly containing?: string;
}

/** Lines of a file, in pages as they are read. */
export async function* readLines(range: LineRange): AsyncGenerator<LoggedCheckpoint[], void, undefined> {
  const { file, handle, to, containing } = range;
  let at = range.from;
  let number = range.linesBefore;
  let rest = Buffer.alloc(0);
  while (at < to) {
    const chunk = Buffer.alloc(Math.min(READ_BYTES, to - at));
    const { bytesRead } = await handle.read(chunk, 0, chunk.length, at);
    if (bytesRead === 0) throw new CheckpointLogDamaged(`${file} became shorter while it was read.`);
    at += bytesRead;
    const bytes = Buffer.concat([rest, chunk.subarray(0, bytesRead)]);
    const end = bytes.lastIndexOf(LINE_END) + 1;
    rest = bytes.subarray(end);
    if (end === 0) continue;
    const page: LoggedCheckpoint[] = [];
    for (const line of bytes.toString('utf8', 0, end - 1).split('\n')) {
      number += 1;
      if (containing === undefined || line.includes(containing)) page.push(parseLine(line, file, number));
    }
    yield page;
  }
}

/** The file that is added to. The ones before it have a number in their name. */
export function checkpointLogFile(directory: string): string {
  return path.join(directory, 'checkpoints.jsonl');
}

export interface ClosedSegment {
  readonly file: string;
  readonly number: number;
}

const SEGMENT = /^checkpoints-(\d{6,})\.jsonl$/;

export function segmentFile(directory: string, number: number): string {
  return path.join(directory, `checkpoints-${String(number).padStart(6, '0')}.jsonl`);
}

/** Segments that nothing is added to any more, the oldest first. */
export async function closedSegments(directory: string): Promise<readonly ClosedSegment[]> {
  const names = await readdir(directory);
  return names
    .flatMap((name) => {
      const number = Number(SEGMENT.exec(name)?.[1]);
      return Number.isSafeInteger(number) ? [{ number, file: path.join(directory, name) }] : [];
    })
    .sort((a, b) => a.number - b.number);
}

/** The log as it was at one moment. */
export interface LogReading {
  /** Lines, oldest first, in pages: of the active file or of all, and those that name one account only when it is given. */
  pages(accountId: string | null, files: 'all' | 'active'): AsyncGenerator<LoggedCheckpoint[], void, undefined>;
  close(): Promise<void>;
}

async function openIfThere(file: string): Promise<FileHandle | null> {
  try {
    return await open(file, 'r');
  } catch (error) {
    if (systemErrorCode(error) === 'ENOENT') return null;
    throw error;
  }
}

/**
 * Fixes the end of the log: what is added later is not read. A last line without its end was never published and is left
 * out. While the log is being rotated, and after a rotation that failed, a file has two names: it is read once.
 */
export async function openLogReading(directory: string): Promise<LogReading> {
  const active = await openIfThere(checkpointLogFile(directory));
  const end = active === null ? 0 : await wholeLength(active);
  const inode = active === null ? null : (await active.stat()).ino;
  const segments = active === null ? [] : await closedSegments(directory);
  return {
    async *pages(accountId, files) {
      const only = accountId === null ? {} : { containing: accountId };
      const read = new Set([inode]);
      for (const { file } of files === 'all' ? segments : []) {
        const handle = await open(file, 'r');
        try {
          const { ino, size } = await handle.stat();
          if (!read.has(ino)) yield* readLines({ file, handle, from: 0, to: size, linesBefore: 0, ...only });
          read.add(ino);
        } finally {
          await handle.close();
        }
      }
      if (active !== null) {
        const file = checkpointLogFile(directory);
        yield* readLines({ file, handle: active, from: 0, to: end, linesBefore: 0, ...only });
      }
    },
    async close() {
      await active?.close();
    },
  };
}
