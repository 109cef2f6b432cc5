// The arrows of docs/ARCHITECTURE.md: http, worker -> domains -> db. scripts/dependency-rules.test.ts shows each rule biting.

const SERVER = '^packages/server/src';
const TEST_CODE = String.raw`\.test\.ts$|/(test|testing)/`;
/** Every room may use them: the interfaces of the outside world, and how an expected failure is said. */
const SHARED_BY_ROOMS = [`${SERVER}/ports\\.ts$`, `${SERVER}/outcome/`];
/** The commands of main.ts: as far outside as app.ts, which `start` runs. */
const COMMANDS = `${SERVER}/commands/`;
/** Runs the server's code in histories of its own making: test code with a package of its own. */
const SIMULATION = '^packages/simulation/';
const CONTRACT = '^packages/contract/';
/** Data and pure functions, which clients may bundle. */
const CONTRACT_FACTS = '^packages/contract/src/facts/';

/** @type {import('dependency-cruiser').IConfiguration} */
export default {
  forbidden: [
    {
      name: 'no-cycle',
      comment: 'A cycle means that two files are one thing, or that one of them knows too much.',
      severity: 'error',
      from: {},
      to: { circular: true },
    },
    {
      name: 'resolvable',
      comment: 'The import names nothing that exists.',
      severity: 'error',
      from: {},
      to: { couldNotResolve: true },
    },
    {
      name: 'names-an-owner',
      comment: 'Something shared has a name and an owner; utils, common, helpers and misc have neither.',
      severity: 'error',
      from: {},
      to: {
        path: ['/(utils?|common|helpers?|misc)/', String.raw`/(utils?|common|helpers?|misc)\.ts$`],
        pathNot: 'node_modules/',
      },
    },
    {
      name: 'contract-knows-nobody',
      comment: 'The contract is what crosses the wire: it imports nothing of ours.',
      severity: 'error',
      from: { path: CONTRACT },
      to: { path: '^(packages|examples|scripts)/', pathNot: CONTRACT },
    },
    {
      name: 'sdk-knows-the-contract-only',
      comment: 'The SDK has no runtime dependency; of our packages it may name the contract only.',
      severity: 'error',
      from: { path: '^packages/sdk/src/', pathNot: TEST_CODE },
      to: { path: '^(packages/(?!sdk/|contract/)|examples|scripts)' },
    },
    {
      name: 'sdk-takes-only-types-from-the-contract',
      comment: 'A value import would bundle zod into the SDK; the facts have none.',
      severity: 'error',
      from: { path: '^packages/sdk/src/', pathNot: TEST_CODE },
      to: { path: CONTRACT, pathNot: CONTRACT_FACTS, dependencyTypesNot: ['type-only'] },
    },
    {
      name: 'facts-need-nothing',
      comment: 'Clients bundle the facts: they may name the types of other files and of zod, no more.',
      severity: 'error',
      from: { path: CONTRACT_FACTS, pathNot: TEST_CODE },
      to: { pathNot: CONTRACT_FACTS, dependencyTypesNot: ['type-only'] },
    },
    {
      name: 'cli-stands-on-the-sdk',
      comment: 'The CLI never reaches around the SDK; lists and pure functions come from the facts of the contract.',
      severity: 'error',
      from: { path: '^packages/cli/(src|bin)/', pathNot: TEST_CODE },
      to: { path: '^(packages/(?!cli/|sdk/)|examples|scripts)', pathNot: CONTRACT_FACTS },
    },
    {
      name: 'server-knows-no-client',
      comment: 'Server and clients meet at the contract only.',
      severity: 'error',
      from: { path: SERVER, pathNot: TEST_CODE },
      to: { path: '^(packages/(sdk|cli)|examples|scripts)/' },
    },
    {
      name: 'examples-stand-on-the-sdk',
      comment: 'An example is a program that a customer would copy.',
      severity: 'error',
      from: { path: '^examples/', pathNot: TEST_CODE },
      to: { path: '^(packages/(?!sdk/)|scripts/)' },
    },
    {
      name: 'no-test-code-in-the-product',
      comment: 'Test code is not shipped.',
      severity: 'error',
      from: { path: '^packages/[^/]+/src/', pathNot: TEST_CODE },
      to: { path: TEST_CODE, pathNot: 'node_modules' },
    },
    {
      name: 'rooms-meet-at-index',
      comment: "A room's index.ts is its door; what it does not export is its own business.",
      severity: 'error',
      from: { path: `${SERVER}/([^/]+)`, pathNot: TEST_CODE },
      to: {
        path: `${SERVER}/[^/]+/`,
        pathNot: [`${SERVER}/$1/`, `${SERVER}/[^/]+/index\\.ts$`, `${SERVER}/[^/]+/[^/]+/index\\.ts$`],
      },
    },
    {
      name: 'ledger-knows-nobody',
      comment: 'Credits depend on the database and the contract; nothing else may be able to break them.',
      severity: 'error',
      from: { path: `${SERVER}/ledger/`, pathNot: TEST_CODE },
      to: { path: SERVER, pathNot: [`${SERVER}/(ledger|db)/`, ...SHARED_BY_ROOMS] },
    },
    {
      name: 'upstreams-know-nobody',
      comment: 'One file per upstream API, no database, no other room: an adapter can be read and replayed alone.',
      severity: 'error',
      from: { path: `${SERVER}/upstreams/`, pathNot: TEST_CODE },
      to: { path: SERVER, pathNot: [`${SERVER}/upstreams/`, ...SHARED_BY_ROOMS] },
    },
    {
      name: 'upstreams-have-no-database',
      comment: 'What an upstream answered is recorded by the worker.',
      severity: 'error',
      from: { path: `${SERVER}/upstreams/`, pathNot: TEST_CODE },
      to: { path: 'node_modules/(knex|pg)/' },
    },
    {
      name: 'db-knows-nobody',
      comment: 'Arrows end at the database.',
      severity: 'error',
      from: { path: `${SERVER}/db/`, pathNot: TEST_CODE },
      to: { path: SERVER, pathNot: [`${SERVER}/db/`, ...SHARED_BY_ROOMS] },
    },
    {
      name: 'sql-is-text',
      comment: 'SQL may be put together from the SQL of other rooms; it never needs their code.',
      severity: 'error',
      from: { path: `${SERVER}/[^/]+/sql/`, pathNot: TEST_CODE },
      to: { path: SERVER, pathNot: [`${SERVER}/[^/]+/sql/`, `${SERVER}/db/`] },
    },
    {
      name: 'schema-is-a-list',
      comment: 'schema/ hands the SQL of the rooms to the migration runner, and has nothing of its own.',
      severity: 'error',
      from: { path: `${SERVER}/schema/`, pathNot: TEST_CODE },
      to: { path: SERVER, pathNot: [`${SERVER}/(schema|db)/`, `${SERVER}/[^/]+/sql/index\\.ts$`] },
    },
    {
      name: 'domains-do-not-know-their-callers',
      comment:
        'http and worker call the domains, never the other way round; nor each other. Commands call all; routes/ says which upstreams the worker gets; schema/ lists the SQL of every room.',
      severity: 'error',
      from: { path: `${SERVER}/([^/]+)/`, pathNot: [TEST_CODE, COMMANDS, `${SERVER}/(routes|schema)/`] },
      to: { path: `${SERVER}/(http|worker|commands)/`, pathNot: `${SERVER}/$1/` },
    },
    {
      name: 'http-has-no-sql',
      comment: 'A handler asks a domain; it may name the type of the database handle it passes on, no more.',
      severity: 'error',
      from: { path: `${SERVER}/http/`, pathNot: TEST_CODE },
      to: { path: [`${SERVER}/db/`, 'node_modules/(knex|pg)/'], dependencyTypesNot: ['type-only'] },
    },
    {
      name: 'rooms-do-not-know-the-composition-root',
      comment: 'app.ts, main.ts and config/ know the rooms. A room gets what it needs as arguments, settings included.',
      severity: 'error',
      from: { path: `${SERVER}/[^/]+/`, pathNot: [TEST_CODE, COMMANDS, `${SERVER}/config/`] },
      to: { path: [`${SERVER}/(app|main)\\.ts$`, `${SERVER}/config/`], dependencyTypesNot: ['type-only'] },
    },
    {
      name: 'simulation-is-not-shipped',
      comment: 'It replaces the database clock and breaks everything it is given.',
      severity: 'error',
      from: { path: '^packages/', pathNot: [TEST_CODE, SIMULATION] },
      to: { path: SIMULATION },
    },
    {
      name: 'dev-dependencies-stay-at-home',
      comment: 'Shipped code imports only what is installed with it. The contract is bundled in.',
      severity: 'error',
      from: { path: '^packages/(server|cli|sdk|contract)/src/', pathNot: TEST_CODE },
      to: { dependencyTypes: ['npm-dev'], dependencyTypesNot: ['type-only'], pathNot: [CONTRACT, '^packages/sdk/'] },
    },
  ],
  options: {
    doNotFollow: { path: ['node_modules', '/dist/'] },
    exclude: { path: ['/dist/', 'node_modules/\\.cache'] },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.base.json' },
    enhancedResolveOptions: {
      exportsFields: ['exports'],
      conditionNames: ['types', 'import', 'node', 'default'],
      mainFields: ['module', 'main', 'types'],
    },
  },
};
