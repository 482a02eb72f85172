import { describe, expect, it } from "vitest";
import { eventData, textOf } from "./event-stream";

async function read(...pieces: Uint8Array[]): Promise<string[]> {
  const body = new ReadableStream<Uint8Array>({
    start(controller) {
      pieces.forEach((piece) => controller.enqueue(piece));
      controller.close();
    },
  });
  const data: string[] = [];
  for await (const event of eventData(textOf(body))) data.push(event);
  return data;
}

const bytes = (text: string) => new TextEncoder().encode(text);

describe("an event stream", () => {
  it("is cut into events wherever its chunks end", async () => {
    const whole = bytes('event: progress\ndata: {"name":"Büro"}\n\n: still there\n\nevent: done\ndata: {}\n\n');
    for (let cut = 0; cut < whole.length; cut++) {
      expect(await read(whole.slice(0, cut), whole.slice(cut))).toEqual(['{"name":"Büro"}', "{}"]);
    }
  });

  it("has no event that was not finished", async () => {
    expect(await read(bytes("data: 1\n\ndata: 2\n"))).toEqual(["1"]);
  });
});
