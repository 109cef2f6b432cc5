import { basename, join } from 'node:path';
import { AbortError, type Rushes } from '@rushes/sdk';
import { downloadBatch, type DownloadedBatch } from '@rushes/sdk/node';
import { CliError } from '../cli-error.ts';
import { EXIT } from '../exit-codes.ts';
import type { Clock } from '../context.ts';
import type { Files } from '../files/files.ts';
import type { Output } from '../output/output.ts';
import { bytes, count, plural } from '../output/wording.ts';

interface DownloadOptions {
  readonly output: Output;
  readonly clock: Clock;
  readonly files: Files;
  readonly signal: AbortSignal;
  readonly concurrency: number | undefined;
}

/** What was downloaded, as `--json` shows it. */
export interface DownloadReport {
  readonly directory: string;
  readonly manifest: string;
  readonly videos: number;
  readonly fetched: number;
  readonly already_present: number;
  readonly bytes: number;
}

const PLAIN_INTERVAL_MS = 15_000;
const NAMED_FAILURES_MAX = 10;

/** Shows how many videos have been downloaded so far. */
function progressOf(
  output: Output,
  clock: Clock,
): { update: (done: number, total: number, size: number) => void; stop: () => void } {
  let lastAtMs = clock.monotonicMs();
  return {
    update: (done, total, size) => {
      const text = `downloading ${count(done)}/${count(total)}, ${bytes(size)}`;
      if (output.canDraw) output.draw(`\r\u001b[2K${text}`);
      else if (clock.monotonicMs() - lastAtMs >= PLAIN_INTERVAL_MS) {
        lastAtMs = clock.monotonicMs();
        output.note(text);
      }
    },
    stop: () => {
      if (output.canDraw) output.draw('\r\u001b[2K');
    },
  };
}

function failed(result: DownloadedBatch, directory: string): CliError {
  const { failures, batch } = result;
  const named = failures.slice(0, NAMED_FAILURES_MAX).map(({ index, error }) => {
    const reason = error instanceof Error ? (error.message.split('\n', 1)[0] ?? '') : String(error);
    return `video ${index}: ${reason}`;
  });
  if (failures.length > named.length) named.push(`and ${failures.length - named.length} more`);
  return new CliError(
    'download_failed',
    `${plural(failures.length, 'video')} of ${batch.id} could not be downloaded.`,
    {
      exitCode: EXIT.failed,
      advice: [...named, `Try again, only missing videos are fetched: rushes download ${batch.id} ${directory}`],
      members: { batch_id: batch.id },
    },
  );
}

/**
 * Downloads the videos of a batch into a folder, with a manifest. Throws `CliError` when a video could not be
 * downloaded.
 */
export async function downloadVideos(
  client: Rushes,
  batchId: string,
  directory: string,
  options: DownloadOptions,
): Promise<{ report: DownloadReport; batch: DownloadedBatch['batch'] }> {
  const { output, signal, concurrency } = options;
  const progress = progressOf(output, options.clock);
  let result: DownloadedBatch;
  try {
    result = await downloadBatch(client, batchId, options.files.path(directory), {
      signal,
      ...(concurrency === undefined ? {} : { concurrency }),
      onProgress: ({ done, total, bytes: size }) => progress.update(done, total, size),
    });
  } catch (error) {
    if (!(error instanceof AbortError)) throw error;
    throw new CliError(
      'interrupted',
      'Interrupted. Downloaded videos stay, and the next download continues from there.',
      {
        exitCode: EXIT.interrupted,
        advice: [`Continue: rushes download ${batchId} ${directory}`],
        members: { batch_id: batchId },
        cause: error,
      },
    );
  } finally {
    progress.stop();
  }
  if (result.failures.length > 0) throw failed(result, directory);
  const files = result.rows.filter((row) => row.file !== null);
  const report: DownloadReport = {
    directory,
    manifest: join(directory, basename(result.manifest)),
    videos: files.length,
    fetched: result.fetched,
    already_present: result.alreadyPresent,
    bytes: files.reduce((sum, row) => sum + (row.bytes ?? 0), 0),
  };
  return { report, batch: result.batch };
}

/** The report in a sentence. */
export function downloadSentence(report: DownloadReport): string {
  const already = report.already_present > 0 ? `, of which ${count(report.already_present)} were there before` : '';
  return `${plural(report.videos, 'video')} (${bytes(report.bytes)}) in ${report.directory}${already}; the list is ${report.manifest}`;
}
