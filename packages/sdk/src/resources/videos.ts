import type { DownloadedVideo, DownloadVideoOptions } from '../node/download-video.ts';
import { Resource } from '../resource.ts';
import { streamVideo, type TaskWithVideo, type VideoChunk, type VideoStreamOptions } from '../video-stream.ts';

/** The videos of tasks that succeeded. */
export class VideosResource extends Resource {
  /**
   * Streams the bytes of a video, on every runtime, for your own storage. A connection that is cut off is resumed where
   * it stopped, and an expired link is replaced. When the server cannot resume, `offset` goes back to 0 and all bytes
   * come again. Compare the SHA-256 with `task.video.sha256` yourself; `download` does it for you.
   */
  stream(task: TaskWithVideo, options: VideoStreamOptions = {}): AsyncGenerator<VideoChunk, void, undefined> {
    return streamVideo(this.transport, task, options);
  }

  /**
   * Stores a video as a file (Node, Bun and Deno only). `target` is the path of the file, or a folder (it exists, or
   * the path ends with a slash); in a folder, the file is named `<custom_id or five-digit index>.mp4`. The file appears
   * only when it is complete and its SHA-256 is right. An interrupted download is resumed, and a file that is there
   * already is not downloaded again. Rejects with `DownloadError` when the size or SHA-256 is not the one that the
   * server gave.
   */
  async download(
    task: TaskWithVideo & { index: number; custom_id: string | null },
    target: string,
    options?: DownloadVideoOptions,
  ): Promise<DownloadedVideo> {
    // The build turns this into the package's own "#files", which runtimes without a file system resolve to a stub.
    const { downloadVideo } = await import('../node/index.ts');
    return downloadVideo({ videos: this }, task, target, options);
  }
}
