declare const __SDK_VERSION__: string | undefined;

/** Version of this package. The build fills it in. */
export const VERSION: string = typeof __SDK_VERSION__ === 'undefined' ? '0.0.0-source' : __SDK_VERSION__;
