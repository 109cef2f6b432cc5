/** Fails when package-lock.json names a registry's address or a package whose licence asks more than to be named. */
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { problemsOfLockFile } from './lock-file.ts';

const file = path.resolve(import.meta.dirname, '../package-lock.json');
const problems = problemsOfLockFile(readFileSync(file, 'utf8'));
for (const problem of problems) console.error(problem);
if (problems.length > 0) process.exitCode = 1;
