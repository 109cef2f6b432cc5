import type { DownloadedVideo, DownloadVideoOptions } from '../node/download-video.ts';
import { Resource } from '../resource.ts';
import { streamVideo, type TaskWithVideo, type VideoChunk, type VideoStreamOptions } from '../video-stream.ts';

/** The videos of tasks that succeeded. */
export class VideosResource extends Resource {
  /**
   * The bytes of a video, on every runtime, for a store of your own. A connection that breaks off is resumed where it
   * stopped, and an expired link is replaced. When the server cannot resume, `offset` falls back to 0 and all bytes come
   * again. Compare the SHA-256 with `task.video.sha256` yourself; `download` does it for you.
   */
  stream(task: TaskWithVideo, options: VideoStreamOptions = {}): AsyncGenerator<VideoChunk, void, undefined> {
    return streamVideo(this.transport, task, options);
  }

  /**
   * Node, Bun and Deno only: stores a video as a file. `target` is a folder (it exists, or ends with a slash), where the
   * file is named `<custom_id or five-digit index>.mp4`, or the path of the file. The file appears under its name only
   * when it is whole and its SHA-256 is right. An interrupted download is resumed, and a file that is there already is
   * not fetched again. Rejects with `DownloadError` when the bytes are not what the server promised.
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
