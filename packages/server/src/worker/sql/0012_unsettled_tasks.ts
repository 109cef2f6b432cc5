export const unsettledTasks = {
  name: '0012_unsettled_tasks',
  sql: /* sql */ `
-- Tasks in flight whose outcome is known and cannot be written: nothing of them runs upstream, so they take no slot of their
-- route. Said by the worker that holds them, and believed for as long as the lease has as many open tasks as when it was
-- said: then none of them has been settled since.
CREATE TABLE unsettled_tasks (
  account_id uuid NOT NULL,
  batch_id uuid NOT NULL,
  fence bigint NOT NULL,
  worker_id uuid NOT NULL,
  tasks integer NOT NULL CHECK (tasks > 0),
  open integer NOT NULL CHECK (open >= tasks),
  PRIMARY KEY (account_id, batch_id, fence)
);
`,
};
