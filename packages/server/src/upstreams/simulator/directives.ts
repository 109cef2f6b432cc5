/** Directives inside a prompt that decide one generation's fate, as listed in the design of the simulator. */
export interface Directives {
  readonly fail: boolean;
  readonly failOnce: boolean;
  readonly moderateInput: boolean;
  readonly moderateOutput: boolean;
  readonly neverFinish: boolean;
  readonly reject: boolean;
  readonly drop: boolean;
  readonly expire: boolean;
  /** Replaces the random latency. */
  readonly delayMs: number | null;
}

/** A delay longer than any task's timeout is `[sim:timeout]`. */
const MAX_DELAY_MS = 86_400_000;
const UNIT_MS: Readonly<Record<string, number>> = { ms: 1, s: 1_000, m: 60_000 };

/** Reads `[sim:…]` directives wherever they stand in a prompt; unknown ones are part of the prompt. */
export function parseDirectives(prompt: string): Directives {
  const words = new Set<string>();
  let delayMs: number | null = null;
  for (const match of prompt.matchAll(/\[sim:([a-z_]+)(?:=(\d{1,9}(?:\.\d{1,3})?)(ms|s|m))?\]/g)) {
    const [, word, amount, unit] = match;
    if (word === undefined) continue;
    if (word === 'delay') {
      if (amount === undefined || unit === undefined) continue;
      delayMs = Math.min(Math.round(Number(amount) * (UNIT_MS[unit] ?? 1)), MAX_DELAY_MS);
    } else if (amount === undefined) {
      words.add(word);
    }
  }
  return {
    fail: words.has('fail'),
    failOnce: words.has('fail_once'),
    moderateInput: words.has('moderate'),
    moderateOutput: words.has('moderate_output'),
    neverFinish: words.has('timeout'),
    reject: words.has('reject'),
    drop: words.has('drop'),
    expire: words.has('expire'),
    delayMs,
  };
}
