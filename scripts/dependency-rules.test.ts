/** Each rule of .dependency-cruiser.mjs is broken once, in a tree of the same shape, and has to say so. */
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import config from '../.dependency-cruiser.mjs';
import { environment } from './run-checks.ts';

const root = path.resolve(import.meta.dirname, '..');
const trees: string[] = [];
afterEach(() => trees.splice(0).forEach((tree) => rmSync(tree, { recursive: true })));

type Files = Readonly<Record<string, string>>;

/** What exists in every tree, so that an import finds its target. */
const TARGETS: Files = {
  'package.json': '{"name":"tree","type":"module","workspaces":["packages/*"]}',
  'tsconfig.base.json': '{"compilerOptions":{"module":"preserve","allowImportingTsExtensions":true,"noEmit":true}}',
  'packages/contract/package.json': '{"name":"@rushes/contract","exports":{".":"./src/index.ts"}}',
  'packages/contract/src/index.ts': 'export const contract = 1; export type Wire = string;',
  'packages/contract/src/facts/item-limits.ts': 'export const limits = 1;',
  'packages/contract/src/terms.ts': 'export const terms = 1; export type Terms = number;',
  'packages/sdk/package.json': '{"name":"@rushes/sdk","devDependencies":{"@rushes/contract":"*"}}',
  'packages/sdk/src/index.ts': 'export const sdk = 1;',
  'packages/cli/package.json': '{"name":"@rushes/cli","devDependencies":{"@rushes/sdk":"*"}}',
  'packages/cli/src/run.ts': 'export const cli = 1;',
  'packages/server/package.json':
    '{"name":"@rushes/server","dependencies":{"knex":"*","pg":"*"},"devDependencies":{"only-for-tests":"*"}}',
  'packages/server/src/app.ts': 'export const app = 1; export type App = number;',
  'packages/server/src/config/index.ts': 'export const config = 1; export type Config = number;',
  'packages/server/src/outcome/index.ts': 'export const outcome = 1;',
  'packages/server/src/ports.ts': 'export type Clock = number;',
  'packages/server/src/db/index.ts': 'export const db = 1; export type Database = number;',
  'packages/server/src/ledger/index.ts': "export { ledger } from './hold.ts';",
  'packages/server/src/ledger/hold.ts': 'export const ledger = 1;',
  'packages/server/src/batches/index.ts': 'export const batches = 1;',
  'packages/server/src/http/index.ts': 'export const http = 1;',
  'packages/simulation/src/index.ts': 'export const simulation = 1;',
  'packages/server/src/worker/index.ts': 'export const worker = 1;',
  'packages/server/src/upstreams/index.ts': 'export const upstreams = 1;',
  'packages/server/testing/database.ts': 'export const testing = 1;',
  'examples/index.ts': 'export const example = 1;',
  'scripts/tool.ts': 'export const tool = 1;',
  'node_modules/knex/package.json': '{"name":"knex","main":"index.js"}',
  'node_modules/knex/index.js': 'module.exports = 1;',
  'node_modules/only-for-tests/package.json': '{"name":"only-for-tests","main":"index.js"}',
  'node_modules/only-for-tests/index.js': 'module.exports = 1;',
};

/** `rule: importing file` for everything that the tree breaks. */
function violations(files: Files): string[] {
  const tree = mkdtempSync(path.join(tmpdir(), 'rushes-rules-'));
  trees.push(tree);
  for (const [name, text] of Object.entries({ ...TARGETS, ...files })) {
    mkdirSync(path.dirname(path.join(tree, name)), { recursive: true });
    writeFileSync(path.join(tree, name), text);
  }
  mkdirSync(path.join(tree, 'node_modules/@rushes'));
  for (const name of ['contract', 'sdk', 'cli', 'server']) {
    symlinkSync(path.join(tree, 'packages', name), path.join(tree, 'node_modules/@rushes', name));
  }
  const args = [
    '--config',
    path.join(root, '.dependency-cruiser.mjs'),
    '--output-type',
    'json',
    'packages',
    'examples',
    'scripts',
  ];
  const { stdout, stderr } = spawnSync('depcruise', args, { cwd: tree, env: environment(root), encoding: 'utf8' });
  const start = stdout.indexOf('{');
  if (start < 0) throw new Error(`depcruise said ${stdout}${stderr}`);
  const report = JSON.parse(stdout.slice(start)) as {
    summary: { violations: { rule: { name: string }; from: string }[] };
  };
  return report.summary.violations.map(({ rule, from }) => `${rule.name}: ${from}`);
}

const S = 'packages/server/src';

/** One importing file for each rule, named after it; what else the breach needs comes with it. */
const BREACHES: Readonly<Record<string, { readonly from: string; readonly text: string; readonly also?: Files }>> = {
  'no-cycle': {
    from: `${S}/batches/cycle-one.ts`,
    text: "import { two } from './cycle-two.ts'; export const one = two;",
    also: { [`${S}/batches/cycle-two.ts`]: "import { one } from './cycle-one.ts'; export const two = one;" },
  },
  resolvable: { from: `${S}/batches/unresolvable.ts`, text: "import './nowhere.ts';" },
  'names-an-owner': {
    from: `${S}/batches/ownerless.ts`,
    text: "import './helpers.ts';",
    also: { [`${S}/batches/helpers.ts`]: 'export const helper = 1;' },
  },
  'contract-knows-nobody': { from: 'packages/contract/src/one.ts', text: "import '../../sdk/src/index.ts';" },
  'sdk-knows-the-contract-only': { from: 'packages/sdk/src/one.ts', text: "import '../../cli/src/run.ts';" },
  'sdk-takes-only-types-from-the-contract': {
    from: 'packages/sdk/src/values.ts',
    text: "import { contract } from '../../contract/src/index.ts'; export const one = contract;",
  },
  'facts-need-nothing': { from: 'packages/contract/src/facts/schemas.ts', text: "import '../terms.ts';" },
  'cli-stands-on-the-sdk': {
    from: 'packages/cli/src/one.ts',
    text: "import type { Wire } from '../../contract/src/index.ts'; export type One = Wire;",
  },
  'server-knows-no-client': { from: `${S}/batches/client.ts`, text: "import '../../../sdk/src/index.ts';" },
  'examples-stand-on-the-sdk': { from: 'examples/one.ts', text: "import '../scripts/tool.ts';" },
  'no-test-code-in-the-product': { from: `${S}/batches/tests.ts`, text: "import '../../testing/database.ts';" },
  'rooms-meet-at-index': { from: `${S}/batches/window.ts`, text: "import '../ledger/hold.ts';" },
  'ledger-knows-nobody': { from: `${S}/ledger/one.ts`, text: "import '../upstreams/index.ts';" },
  'upstreams-know-nobody': { from: `${S}/upstreams/one.ts`, text: "import '../db/index.ts';" },
  'upstreams-have-no-database': { from: `${S}/upstreams/sql.ts`, text: "import 'knex';" },
  'db-knows-nobody': { from: `${S}/db/one.ts`, text: "import '../upstreams/index.ts';" },
  'sql-is-text': { from: `${S}/batches/sql/one.ts`, text: "import '../index.ts';" },
  'schema-is-a-list': { from: `${S}/schema/one.ts`, text: "import '../batches/index.ts';" },
  'domains-do-not-know-their-callers': { from: `${S}/batches/caller.ts`, text: "import '../worker/index.ts';" },
  'simulation-is-not-shipped': { from: `${S}/batches/one.ts`, text: "import '../../../simulation/src/index.ts';" },
  'http-has-no-sql': {
    from: `${S}/http/one.ts`,
    text: "import { db } from '../db/index.ts'; export const one = db;",
  },
  'rooms-do-not-know-the-composition-root': {
    from: `${S}/batches/settings.ts`,
    text: "import { config } from '../config/index.ts'; export const one = config;",
  },
  'dev-dependencies-stay-at-home': { from: `${S}/batches/dev.ts`, text: "import 'only-for-tests';" },
};

describe('dependency rules', () => {
  it('have a breach each in this test', () => {
    expect(Object.keys(BREACHES).sort()).toEqual(config.forbidden?.map(({ name }) => name ?? '').sort());
  });

  it('each refuse their breach', () => {
    const files = Object.values(BREACHES).map(({ from, text, also }) => ({ [from]: text, ...also }));
    const found = violations(Object.assign({}, ...files) as Files);
    const expected = Object.entries(BREACHES).map(([rule, { from }]) => `${rule}: ${from}`);
    expect(expected.filter((each) => !found.includes(each))).toEqual([]);
  });

  it('refuse a circle of types alone', () => {
    const files: Files = {
      [`${S}/batches/one.ts`]: "import type { Two } from './two.ts'; export type One = Two;",
      [`${S}/batches/two.ts`]: "import type { One } from './one.ts'; export type Two = One | number;",
    };
    expect(violations(files)).toEqual([`no-cycle: ${S}/batches/one.ts`]);
  });

  it('allow what architecture.md draws', () => {
    const drawn: Files = {
      'packages/sdk/src/one.ts': [
        "import type { Wire } from '@rushes/contract';",
        "import { limits } from '../../contract/src/facts/item-limits.ts';",
        'export const one: Wire = String(limits);',
      ].join('\n'),
      'packages/contract/src/facts/one.ts': "import type { Terms } from '../terms.ts'; export type One = Terms;",
      'packages/cli/src/one.ts': "import '../../sdk/src/index.ts'; import '../../contract/src/facts/item-limits.ts';",
      [`${S}/app.ts`]: ['http', 'worker', 'ledger', 'batches', 'db', 'upstreams']
        .map((room) => `import './${room}/index.ts';`)
        .join('\n'),
      [`${S}/worker/one.ts`]: "import '../batches/index.ts'; import '../ledger/index.ts'; import '../db/index.ts';",
      [`${S}/http/one.ts`]:
        "import '../batches/index.ts'; import type { Database } from '../db/index.ts'; export type One = Database;",
      [`${S}/commands/index.ts`]: "import '../app.ts'; import '../config/index.ts'; import '../worker/index.ts';",
      [`${S}/ledger/sql/index.ts`]: "import '../../db/index.ts'; export const piece = '';",
      [`${S}/worker/sql/index.ts`]: "import '../../ledger/sql/index.ts';",
      [`${S}/schema/index.ts`]: "import '../worker/sql/index.ts'; import '../db/index.ts';",
      [`${S}/ledger/one.ts`]:
        "import '../db/index.ts'; import '../outcome/index.ts'; import '@rushes/contract'; import 'knex';",
      [`${S}/upstreams/one.ts`]:
        "import type { Clock } from '../ports.ts'; import '@rushes/contract'; export type One = Clock;",
      [`${S}/batches/one.test.ts`]:
        "import '../../testing/database.ts'; import '../ledger/hold.ts'; import 'only-for-tests';",
    };
    expect(violations(drawn)).toEqual([]);
  });
});
