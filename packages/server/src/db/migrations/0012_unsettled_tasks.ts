export const unsettledTasks = {
  name: '0012_unsettled_tasks',
  sql: /* sql */ `
-- Tasks in flight whose outcome is known and cannot be written: nothing of them runs upstream, so they take no slot of their
-- route. Said by the worker that holds them; believed up to what that worker holds.
CREATE TABLE unsettled_tasks (
  account_id uuid NOT NULL,
  route text NOT NULL,
  worker_id uuid NOT NULL,
  tasks integer NOT NULL CHECK (tasks > 0),
  PRIMARY KEY (account_id, route, worker_id)
);
`,
};
