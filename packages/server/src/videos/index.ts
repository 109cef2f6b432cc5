export { createFileStorage, VideoTooLarge } from './file-storage.ts';
export type { FileStorage } from './file-storage.ts';
export { createLinkSigner } from './links.ts';
export type { LinkGrant, LinkSigner } from './links.ts';
export { Mp4Structure } from './mp4-structure.ts';
export { findVideo } from './stored-video.ts';
export type { TaskVideoFile } from './stored-video.ts';
