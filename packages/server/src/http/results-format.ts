import { PARAM_NAMES, csvLine, type Task, type TaskResult, type VideoLink } from '@rushes/contract';

export type ResultsFormat = 'jsonl' | 'csv';

/** Makes the link of a task that succeeded; null when no links were asked for. */
export type LinkMaker = ((task: Task) => VideoLink) | null;

const TASK_COLUMNS = [
  'index',
  'id',
  'custom_id',
  'status',
  'attempts',
  'failure_type',
  'failure_message',
  'charged',
  'refunded',
  'forfeited',
  'bytes',
  'sha256',
  'content_type',
  'created_at',
  'started_at',
  'finished_at',
] as const;
const LINK_COLUMNS = ['link_url', 'link_expires_at'] as const;

function linkOf(task: Task, makeLink: (task: Task) => VideoLink): VideoLink | null {
  return task.status === 'succeeded' ? makeLink(task) : null;
}

function toCsv(task: Task, makeLink: LinkMaker): string {
  const link = makeLink === null ? null : linkOf(task, makeLink);
  return csvLine([
    task.index,
    task.id,
    task.custom_id,
    task.status,
    task.attempts,
    task.failure?.type ?? null,
    task.failure?.message ?? null,
    task.credits.charged,
    task.credits.refunded,
    task.credits.forfeited,
    task.video?.bytes ?? null,
    task.video?.sha256 ?? null,
    task.video?.content_type ?? null,
    task.created_at,
    task.started_at,
    task.finished_at,
    ...(makeLink === null ? [] : [link?.url ?? null, link?.expires_at ?? null]),
    task.prompt,
    ...PARAM_NAMES.map((name) => task.params[name] ?? null),
  ]);
}

function toJsonLine(task: Task, makeLink: LinkMaker): string {
  const result: TaskResult = makeLink === null ? task : { ...task, link: linkOf(task, makeLink) };
  return `${JSON.stringify(result)}\n`;
}

/** The results of a batch as text, a piece for every page of tasks. */
export async function* renderResults(
  pages: AsyncIterable<readonly Task[]>,
  format: ResultsFormat,
  makeLink: LinkMaker,
): AsyncGenerator<string, void, undefined> {
  if (format === 'csv') {
    yield csvLine([...TASK_COLUMNS, ...(makeLink === null ? [] : LINK_COLUMNS), 'prompt', ...PARAM_NAMES]);
  }
  const write = format === 'csv' ? toCsv : toJsonLine;
  for await (const page of pages) yield page.map((task) => write(task, makeLink)).join('');
}
