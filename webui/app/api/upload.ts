// Sending one capture, with progress: `fetch` can't report how much of a body has left.

import { Problem, problemFrom } from "./request";
import { authorization, noteStatus } from "./token";
import type { Uploaded } from "./types";

export interface UploadRequest {
  file: File;
  labels: ReadonlyArray<readonly [string, string]>;
  onProgress: (sent: number, total: number) => void;
  signal: AbortSignal;
}

export function uploadProfile({ file, labels, onProgress, signal }: UploadRequest): Promise<Uploaded> {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    request.open("POST", `v1/profiles?${uploadQuery(file.name, labels)}`);
    request.setRequestHeader("content-type", "application/octet-stream");
    for (const [name, value] of Object.entries(authorization())) request.setRequestHeader(name, value);
    request.upload.onprogress = (event) => onProgress(event.loaded, event.total);
    request.onload = () => {
      noteStatus(request.status);
      if (request.status >= 200 && request.status < 300) resolve(JSON.parse(request.responseText) as Uploaded);
      else reject(problemFrom(request.status, request.responseText));
    };
    request.onerror = () =>
      reject(new Problem("The upload was cut off", "The connection to the service broke before it answered."));
    request.onabort = () => reject(new DOMException("cancelled", "AbortError"));
    signal.addEventListener("abort", () => request.abort(), { once: true });
    request.send(file);
  });
}

export function uploadQuery(name: string, labels: ReadonlyArray<readonly [string, string]>): string {
  const query = new URLSearchParams({ name });
  for (const [key, value] of labels) query.append("label", `${key}=${value}`);
  return query.toString();
}
