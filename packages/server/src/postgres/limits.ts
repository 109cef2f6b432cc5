/** Every named limit with the reason for its value. Units stand last in the names. */

/**
 * Only a hang takes this long. After a crash Postgres replays up to 1 GB of its log, minutes on a bad disk, and cutting
 * that short would make it begin again at every start.
 */
export const EMBEDDED_POSTGRES_START_TIMEOUT_MS = 600_000;

/** A fast shutdown writes one checkpoint; past this an immediate one is cheaper than keeping the operator waiting. */
export const EMBEDDED_POSTGRES_STOP_TIMEOUT_MS = 30_000;

/** An immediate shutdown only sends SIGQUIT; Postgres itself kills what has not gone after 5 s. */
export const EMBEDDED_POSTGRES_IMMEDIATE_STOP_TIMEOUT_MS = 10_000;

/** A free port can be taken between our finding it and Postgres binding it; ten losses in a row are not chance. */
export const EMBEDDED_POSTGRES_PORT_ATTEMPTS = 10;

/** How often state that no event announces is looked at while starting; a start takes 100 ms or more. */
export const EMBEDDED_POSTGRES_LOOK_INTERVAL_MS = 25;

/** How often a running server looks whether its Postgres still lives: bounds the outage after an out-of-memory kill. */
export const EMBEDDED_POSTGRES_WATCH_INTERVAL_MS = 1_000;

/** The log holds starts, stops and crashes only (see settings.ts), so this is years; past it, one older file is kept. */
export const EMBEDDED_POSTGRES_LOG_MAX_BYTES = 10 * 1024 * 1024;

/** API and worker pools, migrations, operator commands; each idle connection costs about 2 MB. */
export const EMBEDDED_POSTGRES_MAX_CONNECTIONS = 100;

/**
 * How long a process that joins waits for a Postgres that does not answer although others use it: they notice its
 * death within a second and start it again. After that it must be out of reach, in another container for example.
 */
export const EMBEDDED_POSTGRES_JOIN_TIMEOUT_MS = 30_000;
