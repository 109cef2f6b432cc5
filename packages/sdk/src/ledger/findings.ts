import { type LedgerProblem, problem } from './problem.ts';

/** What a verification has found so far, in the order in which it was found. */
export class Findings {
  readonly problems: LedgerProblem[] = [];
  readonly warnings: string[] = [];

  add(code: LedgerProblem['code'], message: string, where: Parameters<typeof problem>[2] = {}): void {
    this.problems.push(problem(code, message, where));
  }
}
