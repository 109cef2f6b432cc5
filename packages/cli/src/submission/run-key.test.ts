import { describe, expect, test } from 'vitest';
import { isCi, runKey } from './run-key.ts';

describe('the CI run', () => {
  test.each([
    [{ GITHUB_ACTIONS: 'true', GITHUB_RUN_ID: '7', GITHUB_RUN_ATTEMPT: '3' }, 'github:7'],
    [{ GITLAB_CI: 'true', CI: 'true', CI_PIPELINE_ID: '8', CI_JOB_ID: '99' }, 'gitlab:8'],
    [{ CIRCLECI: 'true', CIRCLE_PIPELINE_ID: 'p', CIRCLE_WORKFLOW_ID: 'w' }, 'circleci:p'],
    [{ CIRCLECI: 'true', CIRCLE_WORKFLOW_ID: 'w' }, 'circleci:w'],
    [{ BUILDKITE: 'true', BUILDKITE_BUILD_ID: 'b', BUILDKITE_RETRY_COUNT: '1' }, 'buildkite:b'],
    [{ TF_BUILD: 'True', BUILD_BUILDID: '5', SYSTEM_JOBATTEMPT: '2' }, 'azure:5'],
    [{ JENKINS_URL: 'http://j', BUILD_TAG: 'jenkins-videos-12', BUILD_ID: '12' }, 'jenkins:jenkins-videos-12'],
    [{ BUILD_ID: '12' }, 'build:12'],
  ])('%j is %s, whichever try of it this is', (environment, value) => {
    expect(runKey(environment).value).toBe(value);
    expect(isCi(environment)).toBe(true);
  });

  test('outside CI there is none, and an empty variable is none', () => {
    expect(runKey({ GITHUB_RUN_ID: '', CI: '' })).toEqual({ value: null, origin: null, unknownCi: false });
  });

  test('a system without an id for its runs is noticed', () => {
    expect(runKey({ CI: 'true' })).toEqual({ value: null, origin: null, unknownCi: true });
    expect(runKey({ CI: 'false' }).unknownCi).toBe(false);
  });
});
