'use client';

import { useEffect, useRef, useState } from 'react';
import { fetchApiResponse } from '../../_lib/api.ts';

export type CaptureDownloadState =
  | { step: 'idle' }
  | { step: 'running'; bytes: number; since: number }
  | { step: 'done'; bytes: number; name: string; url: string; ended: 'limit' | 'stopped' }
  | { step: 'failed'; error: Error };

/** Returns the file name in a `content-disposition` header. */
const nameIn = (header: string | null): string =>
  /filename="([^"]+)"/.exec(header ?? '')?.[1] ?? 'capture.pcapng';

/**
 * Downloads a packet capture into memory as packets arrive, and offers it as a file. A stopped capture is kept, because
 * a pcapng file is valid after each block.
 */
export function useCaptureDownload() {
  const [state, setState] = useState<CaptureDownloadState>({ step: 'idle' });
  const running = useRef<AbortController | null>(null);
  useEffect(() => () => running.current?.abort(), []);
  const url = state.step === 'done' ? state.url : null;
  useEffect(() => {
    if (url === null) return;
    return () => URL.revokeObjectURL(url);
  }, [url]);

  async function start(path: string): Promise<void> {
    const leaving = new AbortController();
    running.current = leaving;
    const since = Date.now();
    const pieces: Uint8Array<ArrayBuffer>[] = [];
    let bytes = 0;
    let name = '';
    setState({ step: 'running', bytes, since });
    const finish = (ended: 'limit' | 'stopped') => {
      const url = URL.createObjectURL(new Blob(pieces, { type: 'application/x-pcapng' }));
      setState({ step: 'done', bytes, name, url, ended });
    };
    try {
      const answer = await fetchApiResponse(path, { headers: { accept: '*/*' }, signal: leaving.signal });
      name = nameIn(answer.headers.get('content-disposition'));
      const reader = answer.body?.getReader();
      if (reader === undefined) throw new Error('The response has no body');
      for (let read = await reader.read(); !read.done; read = await reader.read()) {
        pieces.push(read.value);
        bytes += read.value.byteLength;
        setState({ step: 'running', bytes, since });
      }
      finish('limit');
    } catch (error) {
      if (leaving.signal.aborted && bytes > 0) finish('stopped');
      else if (leaving.signal.aborted) setState({ step: 'idle' });
      else setState({ step: 'failed', error: error as Error });
    }
  }
  return {
    state,
    start: (path: string) => void start(path),
    /** Stops the capture and keeps the packets received so far. */
    stop: () => running.current?.abort(),
  };
}
