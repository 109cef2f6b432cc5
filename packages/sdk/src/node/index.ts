export {
  type BatchClient,
  type BatchDownloadProgress,
  downloadBatch,
  type DownloadBatchOptions,
  type DownloadedBatch,
  type DownloadFailure,
} from './download-batch.ts';
export { type DownloadedVideo, downloadVideo, type DownloadVideoOptions, type VideoClient } from './download-video.ts';
export { assignFileNames, type NamedTask, videoFileName } from './file-names.ts';
export { manifestCsv, type ManifestRow } from './manifest.ts';
export { FileCheckpointStore } from './file-checkpoint-store.ts';
