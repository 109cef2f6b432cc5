/** What package-lock.json must not contain. Nothing else lists all that gets installed on every platform. */

interface LockedPackage {
  readonly version?: string;
  readonly license?: string;
  readonly resolved?: string;
  readonly link?: boolean;
  readonly dev?: boolean;
  readonly devOptional?: boolean;
}

/** SPDX names of licences that ask for no more than keeping a notice. */
const PERMISSIVE: ReadonlySet<string> = new Set([
  '0BSD',
  'Apache-2.0',
  'BlueOak-1.0.0',
  'BSD-2-Clause',
  'BSD-3-Clause',
  'CC-BY-3.0',
  'CC-BY-4.0',
  'CC0-1.0',
  'ISC',
  'MIT',
  'MIT-0',
  'PostgreSQL',
  'Python-2.0',
  'Unlicense',
  'WTFPL',
  'Zlib',
]);

/** Tools that we run and never ship may also be under a licence that covers changes to their own files only. */
const FOR_TOOLS: ReadonlySet<string> = new Set([...PERMISSIVE, 'MPL-2.0']);

/** Packages whose package.json is silent or unclear, with what their licence file says. */
const READ_BY_HAND: Readonly<Record<string, string>> = {};

/** One sentence for each problem. */
export function problemsOfLockFile(text: string): string[] {
  const { packages } = JSON.parse(text) as { packages: Readonly<Record<string, LockedPackage>> };
  return Object.entries(packages).flatMap(([place, locked]) => [
    ...addressProblem(place, locked),
    ...licenceProblem(place, locked),
  ]);
}

function addressProblem(place: string, { resolved, link }: LockedPackage): string[] {
  if (resolved === undefined || (link === true && !resolved.includes(':'))) return [];
  return [`${place} is locked to ${resolved}: delete that line; .npmrc keeps npm from writing it`];
}

function licenceProblem(place: string, locked: LockedPackage): string[] {
  // Our own workspaces and the links to them.
  if (locked.link === true || !place.includes('node_modules/')) return [];
  const name = place.slice(place.lastIndexOf('node_modules/') + 'node_modules/'.length);
  const licence = READ_BY_HAND[name] ?? locked.license;
  const allowed = locked.dev === true ? FOR_TOOLS : PERMISSIVE;
  if (licence !== undefined && isSatisfied(licence, allowed)) return [];
  return [
    `${name} ${locked.version ?? ''} has the licence ${licence ?? '(none given)'}, which scripts/lock-file.ts does not allow`,
  ];
}

/** SPDX expressions without parentheses inside parentheses: one side of OR, all sides of AND. */
function isSatisfied(expression: string, allowed: ReadonlySet<string>): boolean {
  const plain = expression.replaceAll(/^\(|\)$/g, '');
  return plain.split(' OR ').some((side) => side.split(' AND ').every((name) => allowed.has(name.trim())));
}
