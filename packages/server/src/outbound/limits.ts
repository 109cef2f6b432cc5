/** Limits of URLs that customers give, with the reason for their values. Units stand last in the names. */

/** What the public documentation promises; the same as the longest URL that browsers and proxies agree on. */
export const MAX_URL_LENGTH = 2_048;

/** One query to one name server. Two tries fit into an exchange's 5 s and leave time for the exchange. */
export const NAME_SERVER_TIMEOUT_MS = 1_000;
export const NAME_SERVER_TRIES = 2;

/** The ports of HTTP and the two that proxies and development hosts use. Anything else may be a service that obeys text. */
export const PUBLIC_PORTS: readonly number[] = [80, 443, 8080, 8443];
