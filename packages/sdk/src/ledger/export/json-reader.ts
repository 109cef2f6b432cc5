/** Reads exports in JSON (one object) and JSON lines, as they arrive. */
import { type ExportPart, objectOf, parseJson, rawEntry, readHeader, UnreadableExport } from './header.ts';
import type { TextBuffer } from './text-buffer.ts';
import type { RawEntry } from '../entry.ts';

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const isOpening = (code: number): boolean => code === 0x7b || code === 0x5b;
const isClosing = (code: number): boolean => code === 0x7d || code === 0x5d;

/** The position after the JSON object or list at the start of `text`, or null when its end has not arrived yet. */
function endOfValue(text: string, start: number): number | null {
  let depth = 0;
  let inString = false;
  for (let at = start; at < text.length; at += 1) {
    const code = text.charCodeAt(at);
    if (inString) {
      if (code === BACKSLASH) at += 1;
      else if (code === QUOTE) inString = false;
    } else if (code === QUOTE) inString = true;
    else if (isOpening(code)) depth += 1;
    else if (isClosing(code)) {
      depth -= 1;
      if (depth <= 0) return at + 1;
    }
  }
  return null;
}

interface HeaderEnd {
  readonly members: Record<string, unknown>;
  /** Number of characters before the first entry, or before the end of the header when the entries are lines. */
  readonly length: number;
  readonly form: 'json' | 'jsonl';
}

/**
 * The header at the start of `text`, when it is complete: an object of its own (JSON lines), or the members of the
 * object before its list of entries.
 */
function findHeader(text: string): HeaderEnd | null {
  let depth = 0;
  let stringStart = -1;
  for (let at = 0; at < text.length; at += 1) {
    const code = text.charCodeAt(at);
    if (stringStart !== -1) {
      if (code === BACKSLASH) at += 1;
      else if (code === QUOTE) {
        const list = depth === 1 && text.slice(stringStart, at + 1) === '"entries"' ? listBehind(text, at + 1) : null;
        if (list === 'unknown') return null;
        if (list !== null) return { ...membersBefore(text, stringStart), length: list, form: 'json' };
        stringStart = -1;
      }
    } else if (code === QUOTE) stringStart = at;
    else if (isOpening(code)) depth += 1;
    else if (isClosing(code)) {
      depth -= 1;
      if (depth > 0) continue;
      const members = objectOf(parseJson(text.slice(0, at + 1), 'the beginning of the file', 1), 'the first line');
      return { members, length: at + 1, form: 'jsonl' };
    }
  }
  return null;
}

/**
 * The position after the bracket that opens the member's list; null when the string was a value, not the name of a
 * member.
 */
function listBehind(text: string, at: number): number | 'unknown' | null {
  const rest = text.slice(at, at + 64);
  const match = /^\s*:\s*\[/.exec(rest);
  if (match !== null) return at + match[0].length;
  return /^\s*(?::\s*)?$/.test(rest) && rest.length < 64 ? 'unknown' : null;
}

function membersBefore(text: string, end: number): { members: Record<string, unknown> } {
  const head = `${text.slice(0, end).trimEnd().replace(/,$/, '')}}`;
  return { members: objectOf(parseJson(head, 'the header before the entries', null), 'the header') };
}

/** Reads an export that begins with `{`. Throws `UnreadableExport`. */
export async function* readJsonExport(buffer: TextBuffer): AsyncGenerator<ExportPart, void, undefined> {
  let header = findHeader(buffer.text);
  while (header === null) {
    if (!(await buffer.more())) throw new UnreadableExport('the file ends before its entries');
    header = findHeader(buffer.text);
  }
  yield { kind: 'header', header: readHeader(header.members) };
  buffer.take(header.length);
  yield* header.form === 'json' ? readList(buffer) : readLines(buffer);
}

async function* readList(buffer: TextBuffer): AsyncGenerator<ExportPart, void, undefined> {
  let position = 0;
  for (let isEnd = false; !isEnd;) {
    const { text } = buffer;
    const found = collect(function* () {
      let start = spaceBefore(text, 0);
      for (let end = endOfEntry(text, start); end !== null; end = endOfEntry(text, start)) {
        position += 1;
        yield { entry: readEntryText(text.slice(start, end), `entry ${position} of the list`, position), end };
        start = end + spaceBefore(text, end);
      }
    });
    if (found.entries.length > 0) yield { kind: 'entries', entries: found.entries };
    if (found.failure !== null) throw found.failure;
    const next = found.end + spaceBefore(text, found.end);
    buffer.take(next);
    isEnd = buffer.text.startsWith(']');
    if (!isEnd && !(await buffer.more())) throw new UnreadableExport(`the file was cut off after ${position} entries`);
  }
  while (await buffer.more());
  if (!/^\]\s*\}\s*$/.test(buffer.text)) {
    throw new UnreadableExport('there is text after the entries, where the file should end');
  }
}

const endOfEntry = (text: string, start: number): number | null =>
  start >= text.length || text[start] === ']' ? null : endOfValue(text, start);

const readEntryText = (text: string, what: string, position: number): RawEntry =>
  rawEntry(parseJson(text, what, position), position);

/**
 * The entries before the first one that cannot be read. They are checked first, so that the first wrong entry is
 * reported.
 */
function collect(read: () => Iterable<{ readonly entry: RawEntry; readonly end: number }>): {
  readonly entries: RawEntry[];
  readonly end: number;
  readonly failure: UnreadableExport | null;
} {
  const entries: RawEntry[] = [];
  let end = 0;
  try {
    for (const each of read()) {
      entries.push(each.entry);
      end = each.end;
    }
  } catch (failure) {
    if (!(failure instanceof UnreadableExport)) throw failure;
    return { entries, end, failure };
  }
  return { entries, end, failure: null };
}

/** Blanks, and the comma that came in the chunk after its entry. */
function spaceBefore(text: string, start: number): number {
  const blanks = /[\s,]*/y;
  blanks.lastIndex = start;
  return blanks.exec(text)?.[0].length ?? 0;
}

async function* readLines(buffer: TextBuffer): AsyncGenerator<ExportPart, void, undefined> {
  let line = 0;
  for (let hasMore = true; hasMore;) {
    hasMore = await buffer.more();
    const { text } = buffer;
    let end = 0;
    const found = collect(function* () {
      while (end < text.length) {
        const newline = text.indexOf('\n', end);
        if (newline === -1 && hasMore) break;
        const each = text.slice(end, newline === -1 ? text.length : newline);
        end += each.length + 1;
        line += 1;
        if (each.trim() !== '') yield { entry: readEntryText(each, `line ${line}`, line), end };
      }
    });
    buffer.take(end);
    if (found.entries.length > 0) yield { kind: 'entries', entries: found.entries };
    if (found.failure !== null) throw found.failure;
  }
}
