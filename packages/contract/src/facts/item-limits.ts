/** Limits of one submission: the schemas, the server's checks and the clients take them from here. */
export const ITEM_LIMITS = {
  /** Unicode code points, so that an emoji outside the BMP counts once. */
  promptMaxCodePoints: 5_000,
  /** Not of dots alone: as a file name it would be a folder. */
  customIdPattern: /^(?!\.+$)[A-Za-z0-9._:-]{1,128}$/,
  metadataMaxKeys: 16,
  /** Unicode code points, like the values. */
  metadataKeyMaxLength: 64,
  metadataValueMaxLength: 512,
  urlMaxLength: 2_048,
  /** Every bad item counts towards the refusal; this many are described. */
  reportedErrorsMax: 100,
  bodyMaxBytes: 48 * 1024 * 1024,
  requestIdPattern: /^[\x20-\x7e]{1,255}$/,
  deadlineHoursDefault: 168,
  deadlineHoursMax: 720,
} as const;

/** Life of a signed link to a video, in seconds. */
export const LINK_EXPIRY_SECONDS = { min: 60, max: 86_400, default: 3_600 } as const;

/** Whether `text` has more than `limit` Unicode code points. */
export function isLongerThan(text: string, limit: number): boolean {
  if (text.length <= limit) return false;
  return text.length > 2 * limit || countCodePoints(text) > limit;
}

export function countCodePoints(text: string): number {
  let count = 0;
  for (const _ of text) count += 1;
  return count;
}
