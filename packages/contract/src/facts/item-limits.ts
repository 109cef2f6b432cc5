/** Limits of one submission. The schemas, the server's checks and the clients take them from here. */
export const ITEM_LIMITS = {
  /** Unicode code points, so that an emoji outside the BMP counts once. */
  promptMaxCodePoints: 5_000,
  /** Not dots only, because `.` and `..` as a file name would be a folder. */
  customIdPattern: /^(?!\.+$)[A-Za-z0-9._:-]{1,128}$/,
  metadataMaxKeys: 16,
  /** Unicode code points, like the values. */
  metadataKeyMaxLength: 64,
  metadataValueMaxLength: 512,
  urlMaxLength: 2_048,
  /** How many errors a refusal describes one by one; further errors are only counted. */
  reportedErrorsMax: 100,
  bodyMaxBytes: 48 * 1024 * 1024,
  requestIdPattern: /^[\x20-\x7e]{1,255}$/,
  deadlineHoursDefault: 168,
  deadlineHoursMax: 720,
} as const;

/** How long a signed link to a video is valid, in seconds. */
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
