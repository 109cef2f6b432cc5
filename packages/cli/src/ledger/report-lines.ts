/** The result of a verification as text that an accountant can follow. */
import type { LedgerProblem, LedgerReport } from '@rushes/sdk/ledger';
import type { Paint } from '../output/terminal.ts';
import { printable, table } from '../output/terminal.ts';
import { count, moment, plural } from '../output/wording.ts';

function place(problem: LedgerProblem, file: string): string {
  const isList = file.toLowerCase().endsWith('.json');
  const where =
    problem.position === null ? '' : isList ? `, entry ${problem.position} of the list` : `:${problem.position}`;
  const entry = problem.seq === null ? '' : ` entry ${problem.seq}:`;
  return `${file}${where}:${entry} ${printable(problem.message)}`;
}

function comparedWith({ compared, agreeing_size: size }: LedgerReport['kept']): string {
  if (compared === 0) return 'This is the first checkpoint of this ledger: later exports will be compared with it.';
  return `It agrees with ${plural(compared, 'checkpoint')} kept earlier; the largest has ${plural(size ?? 0, 'entry').replace(/entrys$/, 'entries')}.`;
}

function rightLines(report: LedgerReport, keeps: boolean, paint: Paint): string[] {
  const { range, period, balances, batches } = report;
  const [first = 1, last = 0] = [range?.first, range?.last];
  const rows = Object.entries(report.totals).map(([kind, { entries, credits }]) => [
    `  ${printable(kind)}`,
    count(entries),
    count(credits),
  ]);
  const isWhole = first === 1 && last === report.size;
  const before = balances.before;
  return [
    `${paint('green', 'Right.')} Entries ${count(first)} to ${count(last)} of account ${report.account_id ?? ''} at ${report.server_name ?? ''}${isWhole ? ', which is the whole ledger' : ''}.`,
    ...(period === null ? [] : [`Period: ${moment(period.first)} to ${moment(period.last)} UTC.`]),
    '',
    ...table([['  KIND', 'ENTRIES', 'CREDITS'], ...rows], new Set([1, 2])),
    '',
    ...(isWhole
      ? []
      : [
          `Before:  available ${count(before.available)}, reserved ${count(before.reserved)}, spent ${count(before.spent)}.`,
        ]),
    `After:   available ${count(balances.after.available)}, reserved ${count(balances.after.reserved)}, spent ${count(balances.after.spent)}.`,
    `Batches: ${count(batches.closed)} closed, each with reserve = charges + refunds + forfeits; ${count(batches.open)} open.`,
    `Signed by ${report.signed_by ?? ''}.`,
    ...(keeps ? [comparedWith(report.kept)] : []),
  ];
}

/** The report as lines: what was checked, or every problem with its place. */
export function reportLines(report: LedgerReport, file: string, keeps: boolean, paint: Paint): string[] {
  const warnings = report.warnings.map((warning) => `Note: ${printable(warning)}.`);
  if (report.ok) return [...rightLines(report, keeps, paint), ...warnings];
  const edited = report.edited;
  return [
    paint('red', 'Not right.'),
    ...report.problems.map((problem) => place(problem, file)),
    ...(edited === null || edited.entries < 2
      ? []
      : [`In total, ${count(edited.entries)} entries do not match their leaf hash.`]),
    ...warnings,
  ];
}
