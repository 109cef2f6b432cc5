/** Every named limit of webhooks with the reason for its value. Units stand last in the names. */

/** A receiver for each of a customer's environments and teams; every event is multiplied by it. */
export const MAX_ENDPOINTS_PER_ACCOUNT = 20;

/** Postgres counts characters, a customer sees them: the same unit as in the contract's schema. */
export const MAX_DESCRIPTION_LENGTH = 512;

/** HMAC-SHA256 gains nothing from a longer key, and loses strength with a shorter one (RFC 2104, section 3). */
export const WEBHOOK_SECRET_BYTES = 32;

/** Receivers commonly refuse bodies past 64 kB; this leaves room for what proxies add, and is promised in the API. */
export const MAX_EVENT_BODY_BYTES = 20_000;

/** Endpoint creation waits no longer for a name server; a name that cannot be looked up yet is accepted. */
export const CREATION_LOOK_UP_TIMEOUT_MS = 2_000;

/** The promise: from the name look-up to the last byte of the answer. */
export const EXCHANGE_TIMEOUT_MS = 5_000;

/** An answer says its piece in its status; this is enough for any error page and costs 32 MB with every slot in use. */
export const MAX_ANSWER_BYTES = 64 * 1024;

/** Enough to recognise an error; kept for every attempt, so it is most of an attempt's row. */
export const ANSWER_EXCERPT_BYTES = 1_024;

/** Node's own receivers close idle connections after 5 s, many proxies sooner; a closed one costs an attempt. */
export const IDLE_CONNECTION_TIMEOUT_MS = 1_000;

/** Attempts under way in one process. Sockets that wait cost little; receivers that take 5 s need many. */
export const MAX_CONCURRENT_ATTEMPTS = 512;

/**
 * Slots that all endpoints known as slow or hanging may hold together: half, so that a quick endpoint finds a free slot
 * whatever the others do.
 */
export const MAX_SLOW_ATTEMPTS = MAX_CONCURRENT_ATTEMPTS / 2;

/** How many an endpoint gets before it has shown anything: a small batch goes out at once, a hanging host holds little. */
export const FIRST_WINDOW = 4;

/** At 10 ms a request this is 1,600 a second, more than receivers ask for; past it we would be the load test. */
export const MAX_WINDOW = 16;

/** An answer that takes longer than this makes its endpoint a slow one. */
export const SLOW_ANSWER_MS = 1_000;

/** So many failures in a row are an outage, not a bad event, and the endpoint is left in peace between attempts, */
export const FAILURES_BEFORE_REST = 10;

/** for so long: short enough that its return is noticed at once. */
export const REST_MS = 1_000;

/**
 * Deliveries of one endpoint that may be due before fan-out leaves further events in the event list, where they lose
 * nothing: a dead receiver must not cost a row for each of a million events. Retries that wait for their time do not
 * count, so that an endpoint that is back hears of new events at once. Drained at 1,600 a second it is refilled in time.
 */
export const MAX_DUE_PER_ENDPOINT = 1_000;

/** Endpoints looked at in one round; the next round goes on behind the last one, so none waits for ever. */
export const ENDPOINTS_PER_LOOK = 500;

/** Endpoints and events that one fan-out statement turns into deliveries: at most 50,000 rows, a second or so. */
export const ENDPOINTS_PER_FAN_OUT = 100;
export const EVENTS_PER_FAN_OUT = 500;

/** Deliveries of a disabled or deleted endpoint ended by one statement, so that no statement holds many locks. */
export const DELIVERIES_PER_CLOSING = 1_000;

/**
 * How long a claimed delivery is one worker's: an exchange takes 5 s at most, recording it milliseconds. A worker that
 * died delays its attempts by this; one that only stalled past it may cause an attempt to be repeated.
 */
export const ATTEMPT_LOCK_MS = 30_000;

/** Attempts written by one statement; the rest waits for the next, a few milliseconds later. */
export const ATTEMPTS_PER_RECORD = 200;

/** Between tries to write attempts while the database is away. */
export const RECORD_RETRY_MS = 500;

/** At stop: exchanges take 5 s at most, then there is this much time to record them. What is not recorded is repeated. */
export const DRAIN_TIMEOUT_MS = 10_000;

/** How often new events are looked for while there is work; what a webhook is late by on average is half of it. */
export const BUSY_POLL_MS = 250;

/** And after a quiet while. */
export const IDLE_POLL_MS = 1_000;

/** Rounds that found nothing before the slow poll begins. */
export const QUIET_ROUNDS = 20;

/** When each automatic attempt is due, counted from the event (api.md). RUSHES_WEBHOOK_RETRY_DELAYS_MS replaces it. */
export const ATTEMPT_TIMES_MS: readonly number[] = [0, 60_000, 900_000];

/** Retries are spread by this share of their delay both ways, so that an outage's end is not met by all at once. */
export const RETRY_JITTER = 0.2;

/** A Retry-After is obeyed up to here: longer and a forgotten header would hold events for days. */
export const MAX_RETRY_AFTER_MS = 3_600_000;

/** Older secrets that sign beside the present one: more signatures than that and the header outgrows some receivers. */
export const MAX_RETIRED_SECRETS = 4;

/** Deliveries that one call makes again: a second or so of database work; the rest by the next call. */
export const REDELIVERIES_PER_CALL = 10_000;

/** How often an endpoint's row is told that it answers, or fails, still: every attempt would be a hot row. */
export const HEALTH_NOTE_INTERVAL_MS = 1_000;

/** How often failing endpoints are looked for, to warn of them or disable them. Nobody waits for it. */
export const HEALTH_POLL_MS = 2_000;

/** Endpoints that one round of the health loop warns of or disables, each in a transaction of its own. */
export const ENDPOINTS_PER_HEALTH_ROUND = 50;

/**
 * Nothing but failures for so long disables an endpoint (RUSHES_WEBHOOK_DISABLE_AFTER_HOURS replaces it): a long weekend
 * and a day to act.
 */
export const DISABLE_AFTER_MS = 120 * 3_600_000;

/** And no sooner than this after the warning, whatever else holds: a server that was down for a week warns first. */
export const DISABLE_AFTER_WARNING_MS = 24 * 3_600_000;

/** And only with so many deliveries given up: two bad minutes a week apart are no evidence. */
export const DISABLE_AFTER_GIVEN_UP = 10;
