import { defineConfig } from 'eslint/config';
import tseslint from 'typescript-eslint';

const TESTS = ['**/*.test.ts', '**/test/**', '**/testing/**', 'scripts/fixtures/**'];

/** What a room of the server must be given as an argument (ports.ts) instead of taking it from the world. */
const WORLD_PROPERTIES = [
  { object: 'Date', property: 'now', message: 'Take the Clock port as an argument.' },
  { object: 'Math', property: 'random', message: 'Take the Random port as an argument.' },
  { object: 'crypto', property: 'randomUUID', message: 'Take the Random port as an argument.' },
];
const PROCESS_ENV = { object: 'process', property: 'env', message: 'Only config/config.ts reads the environment.' };
const PROCESS_ARGV = { object: 'process', property: 'argv', message: 'Only main.ts reads the command line.' };

const NO_ENUM = { selector: 'TSEnumDeclaration', message: 'Use a union of string literals.' };
const NO_CLOCK_READING = {
  selector: 'NewExpression[callee.name="Date"][arguments.length=0]',
  message: 'Take the Clock port as an argument.',
};

/** What a command must take from its CliContext: its tests then run it in their own process. */
const FROM_CONTEXT = 'Take it from the CliContext.';
const CLI_GLOBALS = ['process', 'fetch', 'crypto', 'performance', 'setTimeout', 'setInterval', 'setImmediate'];
const CLI_MODULES = ['node:process', 'node:os', 'node:timers', 'node:timers/promises', 'node:readline/promises'];
const CLI_FILE_MODULES = ['node:fs', 'node:fs/promises'];
const CLI_CHANCE = {
  name: 'node:crypto',
  importNames: ['randomUUID', 'randomBytes', 'randomInt', 'getRandomValues'],
  message: FROM_CONTEXT,
};
const named = (names: readonly string[]): { name: string; message: string }[] =>
  names.map((name) => ({ name, message: FROM_CONTEXT }));

/** What the database is told stands with the room whose tables it is about; HTTP asks the room. */
const NO_DATABASE = {
  selector: 'CallExpression[callee.property.name=/^(query|transaction)$/]',
  message: 'HTTP has no SQL and opens no transaction: offer a function in the room, and call that.',
};

/** Node runs the sources as they are, and it looks for exactly the file that is named. */
const RELATIVE_WITHOUT_EXTENSION = {
  regex: String.raw`^\.{1,2}/(?!.*\.(ts|js|mjs|json)$)`,
  message: 'Name the file with its extension, as Node needs it.',
};
const PROCESS_MODULE = {
  name: 'node:process',
  message: 'Use the global, so that the rules about process.env and process.argv see it.',
};

export default defineConfig(
  {
    ignores: ['**/dist/**', '**/node_modules/**', '**/.turbo/**', 'coverage/**', 'bench/**', 'demo-videos/**'],
  },
  { linterOptions: { reportUnusedDisableDirectives: 'error' } },
  tseslint.configs.strictTypeChecked,
  {
    languageOptions: {
      parserOptions: {
        projectService: { allowDefaultProject: ['*.js', '*.mjs'] },
        tsconfigRootDir: import.meta.dirname,
      },
    },
    rules: {
      eqeqeq: ['error', 'always'],
      'no-console': 'error',
      'no-restricted-syntax': ['error', NO_ENUM],
      'no-restricted-imports': ['error', { patterns: [RELATIVE_WITHOUT_EXTENSION] }],
      'max-lines': ['error', { max: 300 }],
      'max-lines-per-function': ['error', { max: 80, skipBlankLines: true, skipComments: true }],
      '@typescript-eslint/strict-boolean-expressions': [
        'error',
        { allowString: false, allowNumber: false, allowNullableObject: false },
      ],
      '@typescript-eslint/switch-exhaustiveness-check': ['error', { considerDefaultExhaustiveForUnions: true }],
      '@typescript-eslint/consistent-type-imports': 'error',
      // Numbers and booleans read well in messages; objects, null and undefined stay forbidden.
      '@typescript-eslint/restrict-template-expressions': ['error', { allowNumber: true, allowBoolean: true }],
      '@typescript-eslint/no-confusing-void-expression': ['error', { ignoreArrowShorthand: true }],
      // It does not see that an await or a closure changed a variable, and calls the guard that looks again needless.
      '@typescript-eslint/no-unnecessary-condition': 'off',
      '@typescript-eslint/no-empty-object-type': ['error', { allowInterfaces: 'with-single-extends' }],
      // Spreading a string into its code points is how limits count.
      '@typescript-eslint/no-misused-spread': ['error', { allow: [{ from: 'lib', name: 'string' }, 'string'] }],
      // Implementing an interface whose methods may wait does not mean that every implementation waits.
      '@typescript-eslint/require-await': 'off',
      '@typescript-eslint/no-unused-vars': ['error', { argsIgnorePattern: '^_', varsIgnorePattern: '^_' }],
    },
  },
  {
    files: ['packages/server/src/**/*.ts'],
    ignores: ['packages/server/src/config/config.ts', 'packages/server/src/main.ts', ...TESTS],
    rules: {
      'no-restricted-properties': ['error', PROCESS_ENV, PROCESS_ARGV],
      'no-restricted-imports': ['error', { paths: [PROCESS_MODULE], patterns: [RELATIVE_WITHOUT_EXTENSION] }],
    },
  },
  {
    files: ['packages/server/src/main.ts'],
    rules: { 'no-restricted-properties': ['error', PROCESS_ENV] },
  },
  {
    // Ports are made of real clocks and sockets in system/ and outbound/; the embedded PostgreSQL and processes/ are below them.
    files: ['packages/server/src/*/**/*.ts'],
    ignores: ['packages/server/src/{system,outbound,postgres,processes}/**', ...TESTS],
    rules: {
      'no-restricted-properties': ['error', PROCESS_ENV, PROCESS_ARGV, ...WORLD_PROPERTIES],
      'no-restricted-syntax': ['error', NO_ENUM, NO_CLOCK_READING],
      'no-restricted-globals': ['error', { name: 'fetch', message: 'Take the HttpClient port as an argument.' }],
    },
  },
  {
    files: ['packages/server/src/http/**/*.ts'],
    ignores: TESTS,
    rules: { 'no-restricted-syntax': ['error', NO_ENUM, NO_CLOCK_READING, NO_DATABASE] },
  },
  {
    files: ['packages/server/src/config/config.ts'],
    rules: { 'no-restricted-properties': ['error', PROCESS_ARGV, ...WORLD_PROPERTIES] },
  },
  {
    // system-context.ts makes the context of the real machine, and run.ts starts the program with it.
    files: ['packages/cli/src/**/*.ts'],
    ignores: ['packages/cli/src/run.ts', 'packages/cli/src/system-context.ts', ...TESTS],
    rules: {
      'no-restricted-globals': ['error', ...named(CLI_GLOBALS)],
      'no-restricted-properties': [
        'error',
        { object: 'Date', property: 'now', message: FROM_CONTEXT },
        { object: 'Math', property: 'random', message: FROM_CONTEXT },
      ],
      'no-restricted-syntax': ['error', NO_ENUM, { ...NO_CLOCK_READING, message: FROM_CONTEXT }],
      'no-restricted-imports': [
        'error',
        {
          paths: [...named(CLI_MODULES), ...named(CLI_FILE_MODULES), CLI_CHANCE],
          patterns: [RELATIVE_WITHOUT_EXTENSION],
        },
      ],
    },
  },
  {
    // The one owner of the file system.
    files: ['packages/cli/src/files/*.ts'],
    rules: {
      'no-restricted-imports': [
        'error',
        { paths: [...named(CLI_MODULES), CLI_CHANCE], patterns: [RELATIVE_WITHOUT_EXTENSION] },
      ],
    },
  },
  {
    // The ids of samples exist nowhere, so nothing depends on them.
    files: ['packages/cli/src/webhooks/sample-events.ts'],
    rules: { 'no-restricted-imports': ['error', { patterns: [RELATIVE_WITHOUT_EXTENSION] }] },
  },
  {
    files: TESTS,
    rules: {
      'max-lines': ['error', { max: 400, skipBlankLines: true, skipComments: true }],
      'max-lines-per-function': 'off',
      'no-console': 'off',
      '@typescript-eslint/no-non-null-assertion': 'off',
      '@typescript-eslint/no-unsafe-assignment': 'off',
      '@typescript-eslint/no-unsafe-member-access': 'off',
      '@typescript-eslint/no-unsafe-call': 'off',
      '@typescript-eslint/unbound-method': 'off',
      '@typescript-eslint/no-confusing-void-expression': 'off',
    },
  },
  {
    files: ['scripts/**', 'examples/**', 'packages/*/bin/**'],
    rules: { 'no-console': 'off' },
  },
  {
    // Plain JavaScript is only what must run before anything is installed or built.
    files: ['**/*.js', '**/*.mjs', '**/*.cjs'],
    extends: [tseslint.configs.disableTypeChecked],
  },
);
