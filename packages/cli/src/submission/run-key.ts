/** The key that is different for each run of a CI job. */
export interface RunKey {
  /** Null outside CI. Then the same prompts always give the same batch, unless --again is used. */
  readonly value: string | null;
  /** Where it comes from, for messages. */
  readonly origin: string | null;
  /** True in a CI system whose runs have no id. */
  readonly unknownCi: boolean;
}

type Environment = Readonly<Record<string, string | undefined>>;

interface CiSystem {
  readonly name: string;
  /** An environment variable that only this system sets. */
  readonly marker: string;
  /**
   * Environment variables with the id of the run; the first one that is set counts. Each stays the same when a failed
   * job of the run is started again.
   */
  readonly variables: readonly string[];
}

/**
 * The CI systems and their variables. GITHUB_RUN_ATTEMPT and similar variables are left out on purpose: they change
 * when a job is run again, and then the same batch must be found. For the same reason CircleCI's pipeline comes before
 * its workflow.
 */
const CI_SYSTEMS: readonly CiSystem[] = [
  { name: 'github', marker: 'GITHUB_ACTIONS', variables: ['GITHUB_RUN_ID'] },
  { name: 'github', marker: 'GITHUB_RUN_ID', variables: ['GITHUB_RUN_ID'] },
  { name: 'gitlab', marker: 'CI_PIPELINE_ID', variables: ['CI_PIPELINE_ID'] },
  { name: 'circleci', marker: 'CIRCLECI', variables: ['CIRCLE_PIPELINE_ID', 'CIRCLE_WORKFLOW_ID'] },
  { name: 'circleci', marker: 'CIRCLE_WORKFLOW_ID', variables: ['CIRCLE_WORKFLOW_ID'] },
  { name: 'buildkite', marker: 'BUILDKITE_BUILD_ID', variables: ['BUILDKITE_BUILD_ID'] },
  { name: 'azure', marker: 'TF_BUILD', variables: ['BUILD_BUILDID'] },
  { name: 'bitbucket', marker: 'BITBUCKET_PIPELINE_UUID', variables: ['BITBUCKET_PIPELINE_UUID'] },
  { name: 'semaphore', marker: 'SEMAPHORE_PIPELINE_ID', variables: ['SEMAPHORE_WORKFLOW_ID'] },
  { name: 'travis', marker: 'TRAVIS_BUILD_ID', variables: ['TRAVIS_BUILD_ID'] },
  { name: 'codebuild', marker: 'CODEBUILD_BUILD_ID', variables: ['CODEBUILD_BUILD_ID'] },
  { name: 'drone', marker: 'DRONE_BUILD_NUMBER', variables: ['DRONE_BUILD_LINK', 'DRONE_BUILD_NUMBER'] },
  // BUILD_TAG includes the job's name; BUILD_ID is only a number that each Jenkins job counts for itself.
  { name: 'jenkins', marker: 'BUILD_TAG', variables: ['BUILD_TAG'] },
  { name: 'jenkins', marker: 'JENKINS_URL', variables: ['BUILD_TAG', 'BUILD_URL', 'BUILD_ID'] },
  { name: 'build', marker: 'BUILD_ID', variables: ['BUILD_ID'] },
];

function read(environment: Environment, name: string): string | null {
  const value = environment[name];
  return value === undefined || value === '' ? null : value;
}

/** Whether the program runs in CI, where nobody can answer a question. */
export function isCi(environment: Environment): boolean {
  const ci = read(environment, 'CI');
  if (ci !== null) return ci !== 'false' && ci !== '0';
  return CI_SYSTEMS.some((system) => read(environment, system.marker) !== null);
}

/** The id of the CI run. It is the same when the run is repeated. */
export function runKey(environment: Environment): RunKey {
  for (const { name, marker, variables } of CI_SYSTEMS) {
    if (read(environment, marker) === null) continue;
    for (const variable of variables) {
      const value = read(environment, variable);
      if (value !== null) return { value: `${name}:${value}`, origin: variable, unknownCi: false };
    }
  }
  return { value: null, origin: null, unknownCi: isCi(environment) };
}
