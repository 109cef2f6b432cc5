/** Limits of one submission, the same for every client and in the reference documentation. */
export const ITEM_LIMITS = {
  /** Unicode code points, so that an emoji outside the BMP counts once. */
  promptMaxCodePoints: 5_000,
  customIdPattern: /^[A-Za-z0-9._:-]{1,128}$/,
  metadataMaxKeys: 16,
  metadataKeyMaxLength: 64,
  metadataValueMaxLength: 512,
  /** Every bad item counts towards the refusal; this many are described. */
  reportedErrorsMax: 100,
  bodyMaxBytes: 48 * 1024 * 1024,
  requestIdPattern: /^[\x20-\x7e]{1,255}$/,
  deadlineHoursDefault: 168,
  deadlineHoursMax: 720,
} as const;
