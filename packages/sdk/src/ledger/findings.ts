import { type LedgerProblem, problem } from './problem.ts';

/** The problems and warnings that a verification has found so far, in order. */
export class Findings {
  readonly problems: LedgerProblem[] = [];
  readonly warnings: string[] = [];

  add(code: LedgerProblem['code'], message: string, where: Parameters<typeof problem>[2] = {}): void {
    this.problems.push(problem(code, message, where));
  }
}
